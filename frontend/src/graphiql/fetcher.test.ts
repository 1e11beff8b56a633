import { expect, it } from "vitest";

import { chosenOperation } from "./fetcher";

const nameOf = (query: string, operationName?: string) => chosenOperation({ query, operationName })?.name?.value;

it("runs the operation of that name", () => {
  expect(nameOf("query A { a } subscription B { b }", "B")).toBe("B");
});

it("runs the only operation, whatever name is left over from the tab before", () => {
  expect(nameOf("query A { a }", "Old")).toBe("A");
});

it("leaves a choice that it can't make, and what can't be read, to the server", () => {
  expect(nameOf("query A { a } query B { b }", "Old")).toBeUndefined();
  expect(nameOf("query A {", "A")).toBeUndefined();
});
