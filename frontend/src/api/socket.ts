/** The WebSocket under all subscriptions of a client. */
import { type Client as Socket, createClient } from "graphql-ws";

import { ApiError, ConnectionLost } from "./errors";

interface Options {
  url: string;
  /** What connection_init carries, asked for at each connection. */
  parameters: () => Promise<Record<string, unknown>>;
  onClosed: (code: number | undefined) => void;
  /** Where there is no WebSocket, as in Node 20: a class that behaves like the browsers' one. */
  webSocketImpl?: unknown;
}

const PING_MS = 10_000;
const PONG_WAIT_MS = 5_000;

/**
 * A socket that connects when it is needed and never resubscribes by itself: that would repeat the first variables,
 * with a cursor that is long past.
 */
export function openSocket({ url, parameters, onClosed, webSocketImpl }: Options): Socket {
  let overdue: ReturnType<typeof setTimeout> | undefined;
  const socket: Socket = createClient({
    url,
    webSocketImpl,
    retryAttempts: 0,
    keepAlive: PING_MS,
    connectionParams: parameters,
    on: {
      ping: (received) => {
        if (!received) overdue = setTimeout(() => socket.terminate(), PONG_WAIT_MS);
      },
      pong: (received) => {
        if (received) clearTimeout(overdue);
      },
      closed: (event) => {
        clearTimeout(overdue);
        onClosed(isCloseEvent(event) ? event.code : undefined);
      },
    },
  });
  return socket;
}

/** What a subscription threw, as one of our errors. */
export function asError(thrown: unknown): Error {
  if (Array.isArray(thrown)) return new ApiError(thrown);
  if (isCloseEvent(thrown)) return new ConnectionLost(closing(thrown), thrown.code);
  if (thrown instanceof ApiError) return thrown;
  return new ConnectionLost("The connection was lost.");
}

interface Closing {
  code: number;
  reason: string;
}

const isCloseEvent = (it: unknown): it is Closing =>
  typeof it === "object" && it !== null && "code" in it && typeof it.code === "number" && "reason" in it;

const closing = ({ code, reason }: Closing): string => `The connection was closed: ${reason || "no reason given"} (${code}).`;
