import { expect, it } from "vitest";

import { MessageText } from "./message-text";

const piece = (generation: number, offset: number, text: string) => ({ generation, offset, text });

it("puts pieces at their offsets, counted in code points", () => {
  const text = new MessageText();

  for (const it of [piece(0, 0, "😀!"), piece(0, 2, " ok")]) text.put(it);

  expect(text.content).toBe("😀! ok");
});

it("takes the whole text so far once more after a resume", () => {
  const text = new MessageText();

  for (const it of [piece(0, 0, "two "), piece(0, 4, "words"), piece(0, 0, "two words")]) text.put(it);

  expect(text.content).toBe("two words");
});

it("begins anew with a newer generation and drops an older one", () => {
  const text = new MessageText();

  for (const it of [piece(0, 0, "old"), piece(1, 0, "new"), piece(0, 3, "er")]) text.put(it);

  expect(text.content).toBe("new");
});
