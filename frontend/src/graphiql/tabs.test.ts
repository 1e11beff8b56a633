import { parse } from "graphql";
import { expect, it } from "vitest";

import { examples, withSession } from "./tabs";

const PLACE = { userId: "usr_1", email: "", projectId: "prj_1", sessionId: "ses_1", agentHandle: "Ada" };

const named = (query: string) => parse(query).definitions.map((it) => "name" in it && it.name?.value);

it("opens with the main operations, filled in for the user", () => {
  const tabs = examples(PLACE, () => "key");

  expect(tabs.flatMap((tab) => named(tab.query))).toEqual([
    "WhoAmI",
    "Agents",
    "CreateSession",
    "FollowSession",
    "SendMessage",
    "SessionHistory",
    "RateLimit",
  ]);
  expect(JSON.parse(tabs[4]?.variables ?? "")).toEqual({
    sessionId: "ses_1",
    waitSeconds: 10,
    input: { content: "@Ada what is 2+2", idempotencyKey: "key" },
  });
});

it("shows a visitor how to sign in first", () => {
  expect(named(examples(undefined)[0]?.query ?? "")).toEqual(["LogIn"]);
});

it("explains each tab in lines that fit the editor", () => {
  for (const { query } of [...examples(PLACE), ...examples(undefined)]) {
    const comments = query.split("\n").filter((line) => line.startsWith("#"));

    expect(comments.length).toBeGreaterThan(0);
    expect(Math.max(...comments.map((line) => line.length))).toBeLessThanOrEqual(56);
  }
});

it("puts a new session into the tabs that have one", () => {
  const [create, follow] = [{ variables: '{ "projectId": "prj_1" }' }, { variables: '{\n  "sessionId": ""\n}' }];

  expect(withSession(create, "ses_2")).toBe(create);
  expect(withSession(follow, "ses_2")).toEqual({ variables: '{\n  "sessionId": "ses_2"\n}' });
});
