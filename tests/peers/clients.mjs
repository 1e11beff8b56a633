// Drives a server with the npm clients graphql-ws and graphql-sse; prints one JSON object for each scenario.
// Arguments: HTTP URL, WebSocket URL. The server's toy schema is in tests/graphql_api/transport/toy.py.
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";

const [url, wsUrl] = process.argv.slice(2);
const noRetry = { retryAttempts: 0 };
const ws = (options = {}) => createWs({ url: wsUrl, webSocketImpl: WebSocket, ...noRetry, ...options });
const sse = (options = {}) => createSse({ url, ...noRetry, ...options });
const clients = {
  ws: (token) => ws(token ? { connectionParams: { authorization: `Bearer ${token}` } } : {}),
  sse: (token) => sse(token ? { headers: { authorization: `Bearer ${token}` } } : {}),
};

// Everything that comes for one operation; stops after `take` results.
function collect(client, request, take = Infinity) {
  return new Promise((resolve) => {
    const results = [];
    let stop = () => {};
    const done = (end) => resolve({ results: results.slice(), end });
    stop = client.subscribe(request, {
      next: (result) => {
        results.push(result);
        if (results.length >= take) {
          stop();
          done("stopped");
        }
      },
      error: (error) =>
        done({ code: error.code ?? error.response?.status, errors: Array.isArray(error) ? error : undefined }),
      complete: () => done("complete"),
    });
  });
}

const scenarios = {
  query: (client) => collect(client("alice"), { query: "{ me }" }),
  anonymous: (client) => collect(client(), { query: "{ me }" }),
  mutation: (client) => collect(client(), { query: "mutation { signIn }" }),
  subscription: (client) => collect(client(), { query: "subscription { count(to: 3) }" }),
  variables: (client) =>
    collect(client(), { query: "query Q($v: Int!) { square(of: $v) }", operationName: "Q", variables: { v: 4 } }),
  cancel: (client) => collect(client(), { query: "subscription { count(to: 1000000) }" }, 2),
  invalid: (client) => collect(client(), { query: "{ nothing }" }),
  syntax: (client) => collect(client(), { query: "{" }),
  missing: (client) => collect(client(), { query: 'subscription { breaks(how: "missing") }' }),
  badToken: (client) => collect(client("mallory"), { query: "{ me }" }),
  concurrent: async (make) => {
    const client = make();
    const [bad, good] = await Promise.all([
      collect(client, { query: "{" }),
      collect(client, { query: "subscription { count(to: 2) }" }),
    ]);
    return { bad, good };
  },
};

const answers = {};
for (const [transport, client] of Object.entries(clients)) {
  answers[transport] = {};
  for (const [name, run] of Object.entries(scenarios)) answers[transport][name] = await run(client);
}

// An expired token: the first connection is closed with 4403, the client comes back with a fresh one.
let connections = 0;
const renewing = createWs({
  url: wsUrl,
  webSocketImpl: WebSocket,
  retryAttempts: 3,
  retryWait: async () => {},
  connectionParams: () => ({ token: ++connections === 1 ? "brief" : "alice" }),
});
answers.renewed = { ...(await collect(renewing, { query: "subscription { patient }" })), connections };

console.log(JSON.stringify(answers));
process.exit(0);
