/** A box that sends a message into the session that is being followed. */
import { type FormEvent, useState } from "react";

import type { Client } from "../api/client";
import { expected } from "../api/errors";
import { SendMessageDocument } from "../operations/SendMessage.generated";

interface Props {
  client: Client;
  sessionId: string;
  agentHandle: string;
}

export function Ask({ client, sessionId, agentHandle }: Props) {
  const [content, setContent] = useState(`@${agentHandle} what is 2+2`);
  const [problem, setProblem] = useState("");

  async function send(event: FormEvent) {
    event.preventDefault();
    try {
      const input = { content, idempotencyKey: crypto.randomUUID() };
      expected((await client.request(SendMessageDocument, { sessionId, input })).sendMessage, "MessageSent");
      setProblem("");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  }

  return (
    <form className="ask" onSubmit={send}>
      <label htmlFor="ask">Ask in this session</label>
      <input id="ask" value={content} onChange={(event) => setContent(event.target.value)} required autoComplete="off" />
      <button type="submit">Send</button>
      <p role="status">{problem}</p>
    </form>
  );
}
