import { expect, it } from "vitest";

import { storageOf } from "./storage";

/** The browser's storage lists its keys as its own properties. */
const browserStorage = () =>
  Object.create(
    {
      getItem(this: Record<string, string>, key: string) {
        return this[key] ?? null;
      },
      setItem(this: Record<string, string>, key: string, value: string) {
        this[key] = value;
      },
      removeItem(this: Record<string, string>, key: string) {
        delete this[key];
      },
    },
  ) as Storage;

it("keeps users apart, and clears only what is the user's own", () => {
  const shared = browserStorage();
  const [ada, bob] = [storageOf("usr_a", shared), storageOf("usr_b", shared)];

  ada.setItem("tabs", "hers");
  bob.setItem("tabs", "his");
  ada.clear();

  expect([ada.getItem("tabs"), ada.length]).toEqual([null, 0]);
  expect([bob.getItem("tabs"), bob.length]).toEqual(["his", 1]);
});
