import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { type Gathered, Gathering } from "./gathered";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function gather() {
  const shown: Gathered[] = [];
  return { shown, gathering: new Gathering((it) => shown.push(it)) };
}

it("shows many results as one, the newest first", () => {
  const { shown, gathering } = gather();

  for (const number of [1, 2, 3]) gathering.add({ data: { number } });
  vi.advanceTimersByTime(100);

  expect(shown).toEqual([{ data: { number: 3 }, earlier: [{ number: 2 }, { number: 1 }] }]);
});

it("keeps the last hundred", () => {
  const { shown, gathering } = gather();

  for (let number = 0; number < 250; number += 1) gathering.add({ data: { number } });
  gathering.flush();

  expect(shown[0]?.earlier).toHaveLength(99);
});

it("shows nothing more once it is discarded", () => {
  const { shown, gathering } = gather();

  gathering.add({ data: {} });
  gathering.discard();
  vi.advanceTimersByTime(1000);

  expect(shown).toEqual([]);
});
