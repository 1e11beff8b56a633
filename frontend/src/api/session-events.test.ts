import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { describe, expect, it } from "vitest";

import { ApiError, ConnectionLost } from "./errors";
import { type SessionEvent, sessionEvents } from "./session-events";

const at = "2026-01-01T00:00:00Z";
const renamed = (cursor: string): SessionEvent => ({ __typename: "SessionRenamed", cursor, at, title: cursor });
const heartbeat = (cursor: string): SessionEvent => ({ __typename: "Heartbeat", cursor, at });
const refusal = (code: string, more = {}) => new ApiError([{ message: code, extensions: { code, ...more } }]);

/** Plays one script for each subscription: events, then an error or the regular end. */
class ScriptedClient {
  readonly after: unknown[] = [];

  constructor(private readonly scripts: (SessionEvent | Error)[][]) {}

  async *subscribe<Data, Variables>(_: TypedDocumentNode<Data, Variables>, variables: Variables): AsyncGenerator<Data> {
    this.after.push((variables as { after: string }).after);
    for (const it of this.scripts[this.after.length - 1] ?? []) {
      if (it instanceof Error) throw it;
      yield { sessionEvents: it } as Data;
    }
  }
}

async function play(...scripts: (SessionEvent | Error)[][]) {
  const client = new ScriptedClient(scripts);
  const pauses: number[] = [];
  const pause = async (ms: number) => void pauses.push(ms);
  const seen: SessionEvent[] = [];
  const reading = (async () => {
    for await (const event of sessionEvents(client, "ses_1", "0", { pause })) seen.push(event);
  })();
  const failure = await reading.then(
    () => undefined,
    (error: unknown) => error,
  );
  return { cursors: seen.map((event) => event.cursor), after: client.after, pauses, failure };
}

describe("the events of a session", () => {
  it("go on after the last fact when the connection was lost", async () => {
    const lost = new ConnectionLost("cut", 1006);

    const played = await play([renamed("1"), renamed("2"), heartbeat("2"), lost], [renamed("3")]);

    expect(played).toMatchObject({ cursors: ["1", "2", "2", "3"], after: ["0", "2"], failure: undefined });
  });

  it("leave out a fact that comes twice", async () => {
    const played = await play([renamed("1"), renamed("2"), renamed("1"), renamed("2"), renamed("3")]);

    expect(played.cursors).toEqual(["1", "2", "3"]);
  });

  it("pause longer after each failure, and shortly again after an event", async () => {
    const lost = new ConnectionLost("cut");

    const played = await play([lost], [lost], [renamed("1"), lost], []);

    expect(played.pauses).toEqual([250, 500, 250]);
  });

  it("wait as long as the server asks", async () => {
    const played = await play([refusal("RATE_LIMITED", { retryAfterSeconds: 3 })], []);

    expect(played.pauses).toEqual([3000]);
  });

  it.each([["RESUME"], ["UNAVAILABLE"], ["SHUTTING_DOWN"]])("resume after %s", async (code) => {
    expect((await play([refusal(code)], [renamed("1")])).cursors).toEqual(["1"]);
  });

  it.each([
    [refusal("NOT_FOUND")],
    [refusal("VALIDATION_FAILED")],
    [new ConnectionLost("Bad frame", 4400)],
    [new ConnectionLost("Too large", 1009)],
    [new TypeError("a bug")],
  ])("fail with what trying again would not change: %s", async (error) => {
    const played = await play([renamed("1"), error]);

    expect(played).toMatchObject({ cursors: ["1"], failure: error, pauses: [] });
  });

  it("end when they are no longer wanted", async () => {
    const wanted = new AbortController();
    const client = new ScriptedClient([[renamed("1"), new ConnectionLost("cut")]]);
    const seen: string[] = [];

    for await (const event of sessionEvents(client, "ses_1", "0", {
      signal: wanted.signal,
      onLost: () => wanted.abort(),
    })) {
      seen.push(event.cursor);
    }

    expect(seen).toEqual(["1"]);
    expect(client.after).toEqual(["0"]);
  });
});
