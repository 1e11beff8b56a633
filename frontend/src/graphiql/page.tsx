/** GraphiQL with its examples, and above it who is signed in. */
import { GraphiQL } from "graphiql";
import type { ExecutionResult } from "graphql";
import { useMemo, useState } from "react";

import type { Client } from "../api/client";
import type { CreateSessionMutation } from "../operations/CreateSession.generated";
import { Ask } from "./ask";
import { makeFetcher } from "./fetcher";
import { FillIn } from "./fill";
import type { Place } from "./place";
import { fleetingStorage, storageOf } from "./storage";
import { examples } from "./tabs";

interface Props {
  client: Client;
  url: string;
  /** Where the signed-in user begins; undefined for a visitor. */
  place: Place | undefined;
}

const NO_INTROSPECTION =
  "This server keeps its schema to itself (introspection is off): operations run, without completion and documentation.";

export function Page({ client, url, place }: Props) {
  const [following, setFollowing] = useState<string>();
  const [created, setCreated] = useState("");
  const [notice, setNotice] = useState("");
  const tabs = useMemo(() => examples(place), [place]);
  const storage = useMemo(() => (place ? storageOf(place.userId) : fleetingStorage()), [place]);
  const fetcher = useMemo(
    () =>
      makeFetcher({
        client,
        url,
        onFollowing: setFollowing,
        onResult: ({ operationName }, result) => {
          if (operationName === "IntrospectionQuery" && result.errors) setNotice(NO_INTROSPECTION);
          if (!place && hasSignedIn(result)) location.reload();
          setCreated((before) => createdSession(result) ?? before);
        },
      }),
    [client, url, place],
  );

  function startOver() {
    storage.clear();
    location.reload();
  }

  return (
    <>
      <header>
        <h1>
          <a href="/">CodeLab</a> GraphiQL
        </h1>
        <p role="status">{place ? <>Signed in as {place.email}. Every tab is ready to run.</> : <HowToSignIn />}</p>
        {notice && (
          <p className="notice" role="status">
            {notice}
          </p>
        )}
        <button type="button" onClick={startOver}>
          Start over with the examples
        </button>
      </header>
      <main>
        <GraphiQL
          fetcher={fetcher}
          storage={storage}
          defaultTabs={tabs}
          initialVariables={storage.length === 0 ? tabs[0]?.variables : undefined} // those of the tab that is open first
          defaultEditorToolsVisibility="variables"
        >
          <GraphiQL.Logo>
            <span />
          </GraphiQL.Logo>
          {created && <FillIn sessionId={created} />}
          {following !== undefined && place && (
            <GraphiQL.Footer>
              <Ask client={client} sessionId={following} agentHandle={place.agentHandle} />
            </GraphiQL.Footer>
          )}
        </GraphiQL>
      </main>
    </>
  );
}

const HowToSignIn = () => (
  <>
    Not signed in: open the link that the server printed at its start, run LogIn below, or put{" "}
    <code>{'{"Authorization": "Bearer …"}'}</code> into Headers.
  </>
);

function createdSession({ data }: ExecutionResult): string | undefined {
  const saved = (data as Partial<CreateSessionMutation> | null | undefined)?.createSession;
  return saved?.__typename === "SessionSaved" ? saved.session.id : undefined;
}

const hasSignedIn = ({ data }: ExecutionResult): boolean =>
  Object.values(data ?? {}).some((it) => typeof it === "object" && it !== null && "accessToken" in it);
