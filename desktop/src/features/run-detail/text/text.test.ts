import fc from "fast-check";
import { expect, test } from "vitest";
import { LiveText } from "../journal/live-text";
import { blocks } from "./blocks";
import { beginning } from "./code-block";
import { pretty } from "./json";

const line = fc.constantFrom("", "  ", "words", "- item", "  indented", "```", "```js", "~~~", "# head", "1. one");
const markdown = fc.array(line, { maxLength: 30 }).map((lines) => lines.join("\n"));

test("blocks joined are the text, whatever it is", () => {
  fc.assert(
    fc.property(markdown, (text) => {
      expect(blocks(text).join("\n")).toBe(text);
    }),
  );
});

test("more text changes only the last block", () => {
  fc.assert(
    fc.property(markdown, markdown, (before, more) => {
      const finished = blocks(before).slice(0, -1);
      expect(blocks(before + more).slice(0, finished.length)).toEqual(finished);
    }),
  );
});

test("fenced code with empty lines is one block", () => {
  expect(blocks("Look:\n\n```js\na\n\nb\n```\n\nDone.")).toEqual(["Look:\n", "```js\na\n\nb\n```\n", "Done."]);
});

test("live text is the same however it is cut into frames", () => {
  const at = { topic: "t", step: 1, attempt: 1, kind: "text" as const };
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" })), (pieces) => {
      let live = LiveText.none;
      let offset = 0;
      for (const text of pieces) {
        live = live.with({ type: "delta", ...at, offset, text });
        offset += bytes(text);
      }
      const whole = pieces.join("");
      expect(live.text).toBe(whole);
      expect(live.with({ type: "partial", ...at, offset: 0, text: whole }).text).toBe(whole);
      expect(live.with({ type: "reset", topic: "t", step: 1, attempt: 2 } as never).text).toBe("");
    }),
  );
});

test.each([30, 31])("%i lines", (count) => {
  const text = Array.from({ length: count }, (_, index) => `line ${index}`).join("\n");
  expect(beginning(text).split("\n")).toHaveLength(count > 30 ? 16 : count);
});

test("JSON is laid out, and what is none is left alone", () => {
  expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(pretty("plain")).toBeNull();
  expect(pretty("{cut")).toBeNull();
});
