/** Everything that happens in one session, each fact once and in order, whatever happens to the connection. */
import { type FollowSessionSubscription, FollowSessionDocument } from "../operations/FollowSession.generated";
import type { Client } from "./client";
import { ApiError, isPassing } from "./errors";

export type SessionEvent = FollowSessionSubscription["sessionEvents"];

interface Options {
  signal?: AbortSignal;
  /** Called with each loss that is being mended. */
  onLost?: (error: unknown) => void;
  /** Waits between two tries; ends early when `signal` does. */
  pause?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
const LIVE_ONLY = new Set<SessionEvent["__typename"]>(["MessageDelta", "Heartbeat"]);

/**
 * The events after the cursor `after`, which was read with the session.
 *
 * After a loss it subscribes again from the last cursor that it has seen. It ends with the session, or by `signal`;
 * it throws what trying again would not change. After a ReplayGap the caller reads the session anew and goes on.
 */
export async function* sessionEvents(
  client: Pick<Client, "subscribe">,
  sessionId: string,
  after: string,
  { signal, onLost, pause = waited }: Options = {},
): AsyncGenerator<SessionEvent, void, undefined> {
  let cursor = after;
  for (let failures = 0; !signal?.aborted; failures += 1) {
    try {
      for await (const { sessionEvents: event } of client.subscribe(
        FollowSessionDocument,
        { sessionId, after: cursor },
        signal,
      )) {
        failures = 0;
        if (!LIVE_ONLY.has(event.__typename)) {
          if (isRepeated(event, cursor)) continue;
          cursor = event.cursor;
        }
        yield event;
      }
      return;
    } catch (error) {
      if (signal?.aborted) return;
      if (!isPassing(error)) throw error;
      onLost?.(error);
      await pause(pauseAfter(error, failures), signal);
    }
  }
}

// A socket that a proxy closed in an orderly way is reopened under us with the first variables.
const isRepeated = (event: SessionEvent, cursor: string): boolean =>
  event.__typename !== "ReplayGap" && Number(event.cursor) <= Number(cursor);

function pauseAfter(error: unknown, failures: number): number {
  const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
  return Math.max(asked, Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS));
}

const waited = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
