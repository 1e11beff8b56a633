/** The operations that GraphiQL opens with, ready to run. */
import agents from "../operations/Agents.graphql?raw";
import createSession from "../operations/CreateSession.graphql?raw";
import followSession from "../operations/FollowSession.graphql?raw";
import logIn from "../operations/LogIn.graphql?raw";
import rateLimit from "../operations/RateLimit.graphql?raw";
import sendMessage from "../operations/SendMessage.graphql?raw";
import sessionHistory from "../operations/SessionHistory.graphql?raw";
import whoAmI from "../operations/WhoAmI.graphql?raw";
import type { Place } from "./place";

// As much of a comment as the editor shows without scrolling.
const LINE = /(.{1,54})(?:\s+|$)/g;

export interface Tab {
  query: string;
  variables?: string;
}

/** The tabs of somebody who is signed in, or of a visitor. */
export function examples(place: Place | undefined, newKey: () => string = () => crypto.randomUUID()): Tab[] {
  return place ? ofUser(place, newKey) : ofVisitor();
}

/** The tab with another session among its variables; the same tab when it has none there. */
export function withSession<T extends { variables?: string | null }>(tab: T, sessionId: string): T {
  const variables = tab.variables?.replace(/("sessionId":\s*)"[^"]*"/, `$1${JSON.stringify(sessionId)}`);
  return variables === tab.variables ? tab : { ...tab, variables };
}

function ofUser({ projectId, sessionId, agentHandle }: Place, newKey: () => string): Tab[] {
  const content = `@${agentHandle} what is 2+2`;
  return [
    tab("Who you are, and what you have. Press ▶ or Ctrl-Enter.", whoAmI),
    tab("The agents of a project. Its id is among the variables below, where you can change it.", agents, { projectId }),
    tab("A new session, which is a chat. The next tabs then play in it.", createSession, {
      projectId,
      title: "From GraphiQL",
    }),
    tab(
      "What happens in a session, live. Run it, then ask in the box that appears under the response. The newest event " +
        "stands first; with `after` among the variables you get all events since that cursor.",
      followSession,
      { sessionId },
    ),
    tab(
      "Ask an agent and wait for the answer. A key never asks twice: change it when you change the content.",
      sendMessage,
      { sessionId, waitSeconds: 10, input: { content, idempotencyKey: newKey() } },
    ),
    tab("The messages of a session, the oldest first.", sessionHistory, { sessionId, last: 20 }),
    tab("What is left of the operations that you have each minute.", rateLimit),
  ];
}

function ofVisitor(): Tab[] {
  return [
    tab("Sign in: write your address and password into the variables below, then press ▶ or Ctrl-Enter. With `register` in the place of `logIn` it makes an account.", logIn, { input: { email: "", password: "" } }),
    tab("Who you are; `me` is null until you sign in.", whoAmI),
    tab("What is left of the operations that you have each minute.", rateLimit),
  ];
}

function tab(hint: string, query: string, variables?: object): Tab {
  const comment = hint.replace(LINE, "# $1\n");
  return {
    query: comment + query,
    ...(variables && { variables: JSON.stringify(variables, null, 2) }),
  };
}
