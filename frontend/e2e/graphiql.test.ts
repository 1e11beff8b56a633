/** GraphiQL as a newcomer meets it: by the sign-in link, in a real browser, with nothing from elsewhere. */
import { type Browser, type BrowserContextOptions, type Locator, type Page, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

import { post } from "../src/api/http";
import { ORIGIN, SIGN_IN_LINK } from "./server";

const SIZE = { width: 1400, height: 900 };

let browser: Browser;
let page: Page;
const complaints: string[] = [];
const foreign: string[] = [];

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env.TESTS_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  page = await opened({ viewport: SIZE, reducedMotion: "reduce" });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText ?? "";
    if (reason !== "net::ERR_ABORTED") complaints.push(`${request.url()} ${reason}`); // a stream that its page leaves
  });
  page.context().on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== ORIGIN) foreign.push(request.url());
  });
});
afterAll(() => browser?.close());

/** A window of a browser that has never been here. */
async function opened(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ baseURL: ORIGIN, ...options });
  context.setDefaultTimeout(15_000);
  return context.newPage();
}

const response = () => page.locator(".graphiql-response .view-lines");
const openTab = (name: string) => page.getByRole("tab", { name }).click();
const run = () => page.getByRole("button", { name: /execute query/i }).click();

/** Replace what an editor holds; it closes brackets and quotes by itself, which is taken out again. */
async function write(editor: Locator, text: string) {
  const { keyboard } = editor.page();
  await editor.click();
  await keyboard.press("ControlOrMeta+a");
  await keyboard.insertText(text);
  await keyboard.press("ControlOrMeta+Shift+End");
  await keyboard.press("Delete");
}

/** Wait until the response shows a text; Monaco writes its spaces as no-break spaces. */
async function answered(text: string) {
  await expect
    .poll(async () => (await response().innerText()).replaceAll("\u00a0", " "), { timeout: 15_000 })
    .toContain(text);
}

it("is linked from the start page and knows who is signed in", async () => {
  await page.goto(SIGN_IN_LINK);
  await page.getByText(/You are signed in as/).waitFor();
  await page.getByRole("link", { name: "/graphiql" }).click();

  await page.getByText(/^Signed in as /).waitFor();
  expect(new URL(page.url()).pathname).toBe("/graphiql");
});

it("runs the first example as it stands", async () => {
  await page.locator(".graphiql-query-editor .view-lines").getByText("WhoAmI").waitFor();
  await run();

  await answered('"model": "offline-1"');
});

it("shows what happens in a session while a message is sent into it", async () => {
  await openTab("FollowSession");
  await run();
  await page.getByLabel("Ask in this session").fill("@CodeAssistant what is 2+2");
  await page.getByRole("button", { name: "Send", exact: true }).click();

  await answered('"runStatus": "SUCCEEDED"');
  await answered('"content": "2+2 = 4"');
  if (process.env.TESTS_SCREENSHOT) await page.screenshot({ path: process.env.TESTS_SCREENSHOT });
});

it("goes on in a session that was just created", async () => {
  await openTab("CreateSession");
  await run();
  await answered('"title": "From GraphiQL"');
  const created = /ses_\w{26}/.exec(await response().innerText())?.[0] ?? "none";
  await openTab("SessionHistory");

  await expect.poll(() => page.locator(".graphiql-editor-tool").first().innerText()).toContain(created);
});

it("sends a message and waits for its answer", async () => {
  await openTab("SendMessage");
  await run();

  await answered('"content": "2+2 = 4"');
});

it("has documentation of the whole schema", async () => {
  await page.getByRole("button", { name: /documentation explorer/i }).click();

  await page.getByText("Subscription", { exact: false }).first().waitFor();
});

it("takes another's token from the headers editor", async () => {
  await openTab("WhoAmI");
  await page.getByRole("button", { name: "Headers" }).click();
  await write(page.locator(".graphiql-editor-tool .monaco-editor").last(), '{"Authorization": "Bearer nonsense"}');
  await run();

  await answered("UNAUTHENTICATED");
});

it("tells a visitor how to sign in", async () => {
  const visitor = await opened({ colorScheme: "dark" });
  await visitor.goto("/graphiql");

  await visitor.getByText(/^Not signed in: open the link/).waitFor();
  await visitor.getByRole("tab", { name: "LogIn" }).waitFor();
  await expect.poll(() => visitor.locator(".graphiql-editor-tool").first().innerText()).toContain("password");
  await visitor.context().close();
});

it("is signed in as soon as a visitor has logged in", async () => {
  const input = { email: "ada@example.com", password: "correct horse" };
  await post(`${ORIGIN}/graphql`, {
    query: "mutation ($input: CredentialsInput!) { register(input: $input) { __typename } }",
    variables: { input },
  });
  const visitor = await opened();
  await visitor.goto("/graphiql");

  await visitor.locator(".graphiql-editor-tool .view-lines").getByText("password").waitFor();
  await write(visitor.locator(".graphiql-editor-tool .monaco-editor").first(), JSON.stringify({ input }));
  await visitor.getByRole("button", { name: /execute query/i }).click();

  await visitor.getByText(/^Signed in as ada@example.com/).waitFor();
  expect(await visitor.evaluate(() => JSON.stringify(localStorage))).not.toContain("correct horse");
  await visitor.context().close();
});

it("says so when the server keeps its schema to itself", async () => {
  const guest = await opened();
  await guest.route("**/graphql", async (route) => {
    const hidden = route.request().postData()?.includes("IntrospectionQuery");
    await (hidden ? route.fulfill({ json: { errors: [{ message: "Introspection is off." }] } }) : route.continue());
  });
  await guest.goto("/graphiql");

  await guest.getByText(/introspection is off/).first().waitFor();
  await guest.context().close();
});

it("asks nobody but its own server, and the browser has nothing to complain about", () => {
  expect(foreign).toEqual([]);
  expect(complaints.filter((it) => !it.includes("401"))).toEqual([]); // the nonsense token above
});
