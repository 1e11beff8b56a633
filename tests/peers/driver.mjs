// Drives the npm clients graphql-ws and graphql-sse (distinct connections) for a test: reads one JSON command a line,
// prints one JSON event a line. tests/protocols/npm.py knows both.
import { createInterface } from "node:readline";
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";

const clients = new Map();
const stops = new Map();

const say = (event) => console.log(JSON.stringify(event));

// The token is read anew for every connection, as a page does that refreshes it meanwhile.
const authorization = (client) => (client.token ? { authorization: `Bearer ${client.token}` } : {});

function openWs(client, { url, retryAttempts = 0, subprotocol, sameId, disablePong, keepAlive, silent, greeting }) {
  const tell = (event, rest = {}) => say({ client: client.name, event, ...rest });
  class Foreign extends WebSocket {
    constructor(address) {
      super(address, subprotocol);
    }
  }
  return createWs({
    url,
    webSocketImpl: subprotocol ? Foreign : WebSocket,
    connectionParams: () => (silent ? new Promise(() => {}) : authorization(client)),
    retryAttempts,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 20)),
    shouldRetry: () => true,
    disablePong,
    keepAlive,
    lazyCloseTimeout: 60_000,
    ...(sameId ? { generateID: () => "same" } : {}),
    on: {
      opened: (socket) => {
        client.socket = socket;
        if (greeting) socket.send(greeting);
      },
      connected: (_socket, _payload, again) => tell("connected", { again }),
      closed: (event) => tell("closed", { code: event.code, reason: event.reason }),
      ping: (received) => tell("ping", { received }),
      pong: (received, payload) => tell("pong", { received, payload }),
    },
  });
}

function openSse(client, { url, retryAttempts = 0 }) {
  return createSse({
    url,
    headers: () => authorization(client),
    retryAttempts,
    retry: () => new Promise((resolve) => setTimeout(resolve, 20)),
    on: { connected: (again) => say({ client: client.name, event: "connected", again }) },
  });
}

const problem = (error) => {
  if (Array.isArray(error)) return { errors: error };
  const code = error.code ?? error.response?.status;
  return { code: typeof code === "number" ? code : null, text: String(error.reason ?? error.message ?? error) };
};

async function forget({ peer, socket }) {
  try {
    await peer.dispose();
  } catch {
    // it was not connected
  }
  socket?.terminate();
}

const actions = {
  open({ client: name, transport, token, ...options }) {
    const client = { name, token };
    client.peer = (transport === "ws" ? openWs : openSse)(client, options);
    clients.set(name, client);
  },
  // `resume` names the field whose `cursor` goes into the variable `after`, which the next attempt sends.
  subscribe({ client, id, request, resume }) {
    const sink = {
      next: (result) => {
        const cursor = resume && result.data?.[resume]?.cursor;
        if (cursor) request.variables = { ...request.variables, after: cursor };
        say({ id, event: "next", result });
      },
      error: (error) => say({ id, event: "error", ...problem(error) }),
      complete: () => say({ id, event: "complete" }),
    };
    stops.set(id, clients.get(client).peer.subscribe(request, sink));
  },
  stop: ({ id }) => stops.get(id)(),
  token({ client, token }) {
    clients.get(client).token = token;
  },
  raw: ({ client, text }) => clients.get(client).socket.send(text),
  dispose: ({ client }) => forget(clients.get(client)),
  // Nobody tries again or hears anything from here on.
  clear() {
    for (const client of clients.values()) forget(client);
    clients.clear();
    stops.clear();
    say({ event: "cleared" });
  },
  // What a broken network does: no closing handshake.
  cut: ({ client }) => clients.get(client).socket.terminate(),
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { action, ...rest } = JSON.parse(line);
  actions[action](rest);
});
lines.on("close", () => process.exit(0));
