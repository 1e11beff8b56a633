// The start page: signs in, shows the first conversation, and has one itself.
// The access token stays in memory; the refresh token is in a cookie that scripts can't read.

const EN = {
  signingIn: "Signing in…",
  signedIn: "You are signed in as {0}.",
  model: "The model {0} answers.",
  offlineModel: "The built-in offline model ({0}) answers: it follows simple rules.",
  signedOut: "You are not signed in: open the link that the server printed. {0}",
  usedLink: "This link was used before, or is older than ten minutes. {0}",
  newLink: "To get a new one, stop the server (Ctrl-C) and start it again (make run).",
  unreachable: "The server does not answer. Start it (make run), then reload this page.",
  noAgent: "You have no agent. Create one by the API, then reload this page.",
  you: "You",
  lost: "The connection was lost; trying again…",
  usage: "{0} tokens · {1} · {2} s",
  copy: "Copy",
  copied: "Copied",
  step1: "List your projects and agents",
  step2: "Create a session (a chat)",
  step3: "Subscribe to what happens in it",
  step4: "Send a message, in a second terminal",
  hint2: "The same key returns the same session, the one of this page.",
  hint3: "Leave it running: events arrive here, and in this page as well.",
  hint4: "The same key never asks twice; each copy has a new one.",
};
const russian = navigator.language.toLowerCase().startsWith("ru");
const RU = russian ? await fetch("/ru.json").then((it) => it.json(), () => ({})) : {};
const say = (key, ...values) => (RU[key] ?? EN[key]).replace(/\{(\d)\}/g, (_, i) => values[i]);
const $ = (id) => document.getElementById(id);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

const USAGE = "usage { inputTokens outputTokens cost seconds }";
const SIGNED_IN = "... on SignedIn { accessToken accessExpiresAt user { email } } ... on Problem { message }";
const REDEEM = `mutation Redeem($token: String!) { redeemSignInLink(token: $token) { ${SIGNED_IN} } }`;
const REFRESH = `mutation Refresh { refreshTokens { ${SIGNED_IN} } }`;
const PROJECTS = "{ me { projects { nodes { id name agents { nodes { id name handle status } } } } } }";
const SYSTEM = "{ system { model offline } }";
const CREATE = 'mutation Create($project: ID!, $key: String!) { createSession(projectId: $project, title: "First conversation", idempotencyKey: $key) { ... on SessionSaved { session { id title cursor } } ... on Problem { message } } }';
const SEND = "mutation Send($session: ID!, $input: SendMessageInput!) { sendMessage(sessionId: $session, input: $input) { ... on MessageSent { run { id status } } ... on Problem { message } } }";
const WATCH = `subscription Watch($session: ID!) { sessionEvents(sessionId: $session) { __typename cursor ... on MessageDelta { text } ... on MessageCompleted { status content ${USAGE} } } }`;
const FOLLOW = `subscription Follow($session: ID!, $after: Cursor) { sessionEvents(sessionId: $session, after: $after) { __typename cursor ... on MessageCreated { messageId author content agent { handle } } ... on MessageDelta { messageId generation offset text } ... on MessageCompleted { messageId content problem ${USAGE} } } }`;
const SESSION_KEY = "first-conversation";

let accessToken, renewal, following;
let place; // where we talk: { project, agent, session }

class Problem extends Error {}

async function post(query, variables, accept = "application/json") {
  const headers = { "Content-Type": "application/json", Accept: accept };
  if (accessToken && query !== REFRESH && query !== REDEEM) headers.Authorization = `Bearer ${accessToken}`;
  return fetch("/graphql", { method: "POST", headers, body: JSON.stringify({ query, variables }), signal: following?.signal });
}

const expired = (body) => body.errors?.some((it) => it.extensions?.code === "UNAUTHENTICATED");

async function call(query, variables, again = Boolean(accessToken)) {
  const body = await (await post(query, variables)).json();
  if (again && expired(body)) {
    await refresh();
    return call(query, variables, false);
  }
  if (body.errors) throw new Problem(body.errors[0].message);
  const result = Object.values(body.data)[0];
  if (result?.message) throw new Problem(result.message);
  return result;
}

function accept(signedIn) {
  accessToken = signedIn.accessToken;
  clearTimeout(renewal);
  renewal = setTimeout(() => refresh().catch(() => {}), Math.max(new Date(signedIn.accessExpiresAt) - Date.now() - 60_000, 10_000));
  if (place) showCommands();
  return signedIn.user.email;
}

let refreshing; // one at a time: each makes the token before it old
function refresh() {
  refreshing ??= call(REFRESH, {}, false).then(accept).finally(() => (refreshing = null));
  return refreshing;
}

async function signIn() {
  const token = location.hash.slice(1).split("=").pop();
  if (token) history.replaceState(null, "", "/");
  const redeemed = token && (await call(REDEEM, { token }).catch(unlessLost));
  if (redeemed) return accept(redeemed);
  const email = await refresh().catch(unlessLost);
  if (email) return email;
  throw new Problem(say(token ? "usedLink" : "signedOut", say("newLink")));
}

function unlessLost(error) {
  if (!(error instanceof Problem)) throw error;
}

async function enter() {
  const projects = (await call(PROJECTS)).projects.nodes;
  const agents = projects.flatMap((project) => project.agents.nodes.map((agent) => ({ project, agent })));
  const chosen = agents.find((it) => it.agent.handle === "CodeAssistant") ?? agents[0];
  if (!chosen) throw new Problem(say("noAgent"));
  const variables = { project: chosen.project.id, key: SESSION_KEY };
  place = { ...chosen, session: (await call(CREATE, variables)).session };
}

// The conversation in the page

const shown = new Map(); // by message id: elements, and the generation and text that they show
const at = (agent) => `@${agent?.handle ?? ""}`;

function entry(id, who) {
  if (shown.has(id)) return shown.get(id);
  const item = make("li");
  const [text, meta] = ["text", "meta"].map((className) => make("p", { className }));
  item.append(make("p", { className: "who", textContent: who }), text, meta);
  const it = { item, text, meta, generation: 0, points: [] };
  shown.set(id, it);
  $("log").append(item);
  return it;
}

function write(it, content, busy) {
  it.text.textContent = content;
  it.item.ariaBusy = busy; // read aloud once it is whole
  $("log").scrollTop = $("log").scrollHeight;
}

const HANDLERS = {
  MessageCreated(event) {
    const it = entry(event.messageId, event.author === "USER" ? say("you") : at(event.agent));
    write(it, event.content, event.author !== "USER");
  },
  MessageDelta(event) {
    const it = entry(event.messageId, at(place.agent));
    if (event.generation < it.generation) return;
    it.generation = event.generation;
    it.points = it.points.slice(0, event.offset).concat(Array.from(event.text));
    write(it, it.points.join(""), true);
  },
  MessageCompleted(event) {
    const it = entry(event.messageId, at(place.agent));
    it.meta.classList.toggle("wrong", Boolean(event.problem));
    it.meta.textContent = event.problem ?? usage(event.usage);
    write(it, event.content, false);
  },
};

const usage = (it) => it && say("usage", it.inputTokens + it.outputTokens, `$${it.cost / 1e6}`, it.seconds.toFixed(2));

async function* stream(query, variables) {
  const response = await post(query, variables, "text/event-stream");
  if (!response.ok) throw Object.assign(new Error(), { body: await response.json().catch(() => ({})) });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (buffer + value).split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const [, name, data] = /^event: (\w+)(?:\nid:.*)?\ndata: ?(.*)$/m.exec(block) ?? [];
      if (name === "complete") return;
      if (name === "next") yield JSON.parse(data);
    }
  }
}

async function follow(signal) {
  let after = place.session.cursor;
  for (let pause = 500; !signal.aborted; pause = Math.min(pause * 2, 10_000)) {
    try {
      for await (const body of stream(FOLLOW, { session: place.session.id, after })) {
        if (body.errors) throw Object.assign(new Error(), { body });
        const event = body.data.sessionEvents;
        after = event.cursor;
        pause = 500;
        $("link").textContent = "";
        HANDLERS[event.__typename]?.(event);
        if (event.__typename === "SessionDeleted") return;
      }
    } catch (error) {
      if (error.body && expired(error.body)) await refresh().catch(() => {});
    }
    if (signal.aborted) return;
    $("link").textContent = say("lost");
    await wait(pause);
  }
}

async function ask(event) {
  event.preventDefault();
  const content = $("question").value.trim();
  if (!content) return;
  $("question").value = "";
  try {
    const input = { content, targetAgent: place.agent.handle, idempotencyKey: newKey() };
    await call(SEND, { session: place.session.id, input });
  } catch (error) {
    $("question").value = content;
    $("link").textContent = error instanceof Problem ? error.message : say("unreachable");
  }
}

// The conversation for a terminal

const curl = (query, variables, flags = "-s -w '\\n'", accept = "") =>
  [
    `curl ${flags} ${location.origin}/graphql`,
    "-H 'Content-Type: application/json'",
    `-H 'Authorization: Bearer ${accessToken}'`,
    ...(accept && [`-H 'Accept: ${accept}'`]),
    `-d '${JSON.stringify({ query, variables })}'`,
  ].join(" \\\n  ");

const COMMANDS = [
  () => curl(PROJECTS),
  () => curl(CREATE, { project: place.project.id, key: SESSION_KEY }),
  () => curl(WATCH, { session: place.session.id }, "-sN", "text/event-stream"),
  () => curl(SEND, { session: place.session.id, input: { content: `${at(place.agent)} what is 2+2`, idempotencyKey: newKey() } }),
];

function command(line, index) {
  const number = index + 1;
  const heading = make("h3", { textContent: `${number}. ${say(`step${number}`)}`, id: `step${number}` });
  const button = make("button", { type: "button", className: "copy", textContent: say("copy") });
  const text = make("pre", { textContent: line() });
  button.setAttribute("aria-describedby", heading.id);
  button.addEventListener("click", async () => {
    await copy(text);
    button.textContent = say("copied");
    await wait(1500);
    button.textContent = say("copy");
    text.textContent = line();
  });
  const title = make("div", { className: "title" });
  title.append(heading, button);
  const item = make("li");
  item.append(title, make("p", { className: "quiet", textContent: EN[`hint${number}`] ? say(`hint${number}`) : "" }), text);
  return item;
}

async function copy(element) {
  getSelection().selectAllChildren(element);
  try {
    await navigator.clipboard.writeText(element.textContent);
  } catch {
    document.execCommand("copy"); // without TLS there is no other clipboard
  }
}

const showCommands = () => $("commands").replaceChildren(...COMMANDS.map(command));

async function start() {
  following?.abort();
  $("state").classList.remove("wrong");
  $("state").textContent = say("signingIn");
  following = undefined;
  try {
    const email = await signIn();
    const { model, offline } = await call(SYSTEM);
    await enter();
    following = new AbortController();
    $("state").textContent = `${say("signedIn", email)} ${say(offline ? "offlineModel" : "model", model)}`;
    $("handle").textContent = at(place.agent);
    showCommands();
    $("ask").hidden = $("steps").hidden = false;
    follow(following.signal);
  } catch (error) {
    $("state").classList.add("wrong");
    $("state").textContent = error instanceof Problem ? error.message : say("unreachable");
  }
}

if (RU.lead) {
  document.documentElement.lang = "ru";
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = RU[element.dataset.t];
}
$("form").addEventListener("submit", ask);
addEventListener("hashchange", () => location.hash.length > 1 && start());
start();
