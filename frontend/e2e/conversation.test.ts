/** A whole conversation by the typed client, with the socket cut in the middle of an answer. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { WebSocket } from "ws";

import { Client } from "../src/api/client";
import { expected } from "../src/api/errors";
import { MessageText } from "../src/api/message-text";
import { type SessionEvent, sessionEvents } from "../src/api/session-events";
import { AgentsDocument } from "../src/operations/Agents.generated";
import { CreateSessionDocument } from "../src/operations/CreateSession.generated";
import { SendMessageDocument } from "../src/operations/SendMessage.generated";
import { SessionHistoryDocument } from "../src/operations/SessionHistory.generated";
import { WhoAmIDocument } from "../src/operations/WhoAmI.generated";
import { ORIGIN, TOKEN } from "./server";

const sockets: WebSocket[] = [];

class RecordedWebSocket extends WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols);
    sockets.push(this);
  }
}

const client = new Client({ url: `${ORIGIN}/graphql`, webSocketImpl: RecordedWebSocket });
let projectId: string;

beforeAll(async () => {
  await client.redeem(TOKEN);
  projectId = (await client.request(WhoAmIDocument, {})).me?.projects.nodes[0]?.id ?? "";
});
afterAll(() => client.close());

async function newSession() {
  const { createSession } = await client.request(CreateSessionDocument, { projectId });
  return expected(createSession, "SessionSaved").session;
}

async function send(sessionId: string, content: string): Promise<string> {
  const input = { content, idempotencyKey: crypto.randomUUID() };
  const { sendMessage } = await client.request(SendMessageDocument, { sessionId, input });
  return expected(sendMessage, "MessageSent").run.id;
}

/** Follow a session until its run has ended; `onEvent` is told of each event at once. */
async function untilEnded(session: { id: string; cursor: string }, onEvent: (event: SessionEvent) => void = () => {}) {
  const seen: SessionEvent[] = [];
  let losses = 0;
  for await (const event of sessionEvents(client, session.id, session.cursor, { onLost: () => (losses += 1) })) {
    seen.push(event);
    onEvent(event);
    if (event.__typename === "RunStatusChanged" && event.runStatus === "SUCCEEDED") break;
  }
  return { seen, losses };
}

/** The cursors of the facts, each once; what is live only carries the cursor of the fact before. */
const facts = (events: SessionEvent[]): number[] =>
  events.filter((it) => it.__typename !== "MessageDelta" && it.__typename !== "Heartbeat").map((it) => Number(it.cursor));

const consecutive = (from: string, count: number): number[] =>
  Array.from({ length: count }, (_, index) => Number(from) + 1 + index);

function completedAnswer(events: SessionEvent[]): string {
  const completed = events.filter((it) => it.__typename === "MessageCompleted");
  expect(completed).toHaveLength(1);
  return completed[0]?.content ?? "";
}

function writtenAnswer(events: SessionEvent[]): string {
  const text = new MessageText();
  for (const it of events) if (it.__typename === "MessageDelta") text.put(it);
  return text.content;
}

it("signs in as the user of the link, who has a team", async () => {
  const { project } = await client.request(AgentsDocument, { projectId });

  expect(client.signIn.user?.email).toContain("@");
  expect(project?.agents.nodes.map((agent) => agent.handle)).toContain("CodeAssistant");
});

it("gets an answer piece by piece, and then whole", async () => {
  const session = await newSession();

  const [{ seen }] = await Promise.all([untilEnded(session), send(session.id, "@CodeAssistant what is 2+2")]);

  expect(completedAnswer(seen)).toBe("2+2 = 4");
  expect(writtenAnswer(seen)).toBe("2+2 = 4");
  expect(facts(seen)).toEqual(consecutive(session.cursor, facts(seen).length));
});

it("loses nothing and sees nothing twice when the socket is cut in the middle of an answer", async () => {
  const session = await newSession();
  const words = Array.from({ length: 120 }, (_, index) => `word${index}`).join(" ");
  let cuts = 0;

  const following = untilEnded(session, (event) => {
    if (event.__typename !== "MessageDelta" || event.offset === 0 || cuts === 2) return;
    cuts += 1;
    sockets.at(-1)?.terminate();
  });
  await send(session.id, `@CodeAssistant uppercase: ${words}`);
  const { seen, losses } = await following;

  expect([cuts, losses]).toEqual([2, 2]);
  expect(completedAnswer(seen)).toContain("WORD0 WORD1 ");
  expect(completedAnswer(seen)).toContain("WORD119");
  expect(writtenAnswer(seen)).toBe(completedAnswer(seen));
  expect(facts(seen)).toEqual(consecutive(session.cursor, facts(seen).length));
});

it("reads the conversation afterwards as it was heard", async () => {
  const session = await newSession();
  const [{ seen }] = await Promise.all([untilEnded(session), send(session.id, "@CodeAssistant what is 3*7")]);

  const history = (await client.request(SessionHistoryDocument, { sessionId: session.id, last: 10 })).session;

  expect(history?.messages.nodes.map((message) => [message.author, message.status])).toEqual([
    ["USER", "COMPLETE"],
    ["AGENT", "COMPLETE"],
  ]);
  expect(history?.messages.nodes[1]?.content).toBe(completedAnswer(seen));
  expect(history?.cursor).toBe(seen.at(-1)?.cursor);
});

it("throws a problem where it hopes for a result", async () => {
  const stranger = new Client({ url: `${ORIGIN}/graphql`, webSocketImpl: WebSocket });

  await expect(stranger.logIn("nobody@example.com", "a wrong password")).rejects.toMatchObject({
    name: "ProblemError",
    typename: "Invalid",
  });
});

it("does not follow a session that is not there", async () => {
  const following = sessionEvents(client, "ses_00000000000000000000000000", "0");

  await expect(following.next()).rejects.toMatchObject({ name: "ApiError", code: "NOT_FOUND" });
});

it("goes on with new tokens when the old one is no longer good", async () => {
  const session = await newSession();
  const before = await client.signIn.accessToken();
  client.signIn.distrust();

  const [{ seen }] = await Promise.all([untilEnded(session), send(session.id, "@CodeAssistant what is 5+5")]);

  expect(completedAnswer(seen)).toBe("5+5 = 10");
  expect(await client.signIn.accessToken()).not.toBe(before);
});
