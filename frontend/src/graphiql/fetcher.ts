/** How GraphiQL reaches the API: as the signed-in user, or with what its headers editor says. */
import type { Fetcher, FetcherParams, Observable } from "@graphiql/toolkit";
import { type ExecutionResult, type OperationDefinitionNode, getOperationAST, parse } from "graphql";

import type { Client } from "../api/client";
import { bearer, post } from "../api/http";
import { asError, openSocket } from "../api/socket";
import { type Gathered, Gathering } from "./gathered";

type Headers = Record<string, string>;

interface Observer {
  next: (gathered: Gathered) => void;
  error: (error: Error) => void;
  complete: () => void;
}

interface Options {
  client: Client;
  url: string;
  /** Called after every operation by HTTP. */
  onResult: (operation: FetcherParams, result: ExecutionResult) => void;
  /** Called with the session that is being followed, undefined at the end. */
  onFollowing: (sessionId: string | undefined) => void;
}

export function makeFetcher(options: Options): Fetcher {
  return (params, extra) => {
    const headers: Headers = { ...extra?.headers };
    const chosen = chosenOperation(params);
    const operation = { ...params, operationName: chosen?.name?.value ?? params.operationName };
    return chosen?.operation === "subscription"
      ? follow(options, operation, headers)
      : send(options, operation, headers);
  };
}

/** The operation to run; GraphiQL's own idea of its name lags a moment behind a change of tabs. */
export function chosenOperation({ query, operationName }: FetcherParams): OperationDefinitionNode | null | undefined {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document);
  } catch {
    return undefined; // the server explains what is wrong
  }
}

const isSignedInBy = (headers: Headers): boolean =>
  Object.keys(headers).some((name) => name.toLowerCase() === "authorization");

async function send({ client, url, onResult }: Options, operation: FetcherParams, headers: Headers): Promise<ExecutionResult> {
  const token = isSignedInBy(headers) ? undefined : await client.signIn.accessToken();
  let result = await post(url, operation, { ...bearer(token), ...headers });
  if (token !== undefined && isUnauthenticated(result)) {
    result = await post(url, operation, { ...bearer(await client.signIn.renewed(token)), ...headers });
  }
  onResult(operation, result);
  return result;
}

const isUnauthenticated = ({ errors }: ExecutionResult): boolean =>
  !!errors?.some((error) => error.extensions?.code === "UNAUTHENTICATED");

function follow(
  { client, url, onFollowing }: Options,
  operation: FetcherParams,
  headers: Headers,
): Observable<Gathered> {
  const parameters = async () => ({
    ...(isSignedInBy(headers) ? {} : bearer(await client.signIn.accessToken())),
    ...headers,
  });
  const onClosed = (code: number | undefined) => code === 4403 && client.signIn.distrust();
  return {
    subscribe: ((observer: Observer) => {
      const socket = openSocket({ url: url.replace(/^http/, "ws"), parameters, onClosed });
      const gathering = new Gathering(observer.next);
      const end = () => {
        onFollowing(undefined);
        void socket.dispose();
      };
      const stop = socket.subscribe(
        { ...operation, variables: operation.variables ?? {} },
        {
          next: (result) => gathering.add(result as ExecutionResult),
          error: (error) => {
            end();
            observer.error(asError(error));
          },
          complete: () => {
            end();
            gathering.flush();
            observer.complete();
          },
        },
      );
      onFollowing(sessionOf(operation));
      return {
        unsubscribe: () => {
          gathering.discard();
          stop();
        },
      };
    }) as Observable<Gathered>["subscribe"], // GraphiQL passes an observer, though plain functions are allowed
  };
}

const sessionOf = ({ variables }: FetcherParams): string | undefined =>
  typeof variables?.sessionId === "string" ? variables.sessionId : undefined;
