import { expect, test } from "vitest";
import { argumentName, conditionsOf, conditionWords, holdsFor, holdsOf, isExact } from "./conditions";

test("an argument is held to what it is until somebody widens it", () => {
  const holds = holdsOf('{"a/b~c":"x","url":"https://a.test/p?q=1#f","deep":{"n":1},"empty":""}') ?? [];
  expect(isExact(holds)).toBe(true);
  expect(conditionsOf(holds)).toEqual([
    { pointer: "/a~1b~0c", equalsJson: '"x"' },
    { pointer: "/url", equalsJson: '"https://a.test/p?q=1#f"' },
    { pointer: "/deep", equalsJson: '{"n":1}' },
    { pointer: "/empty", equalsJson: '""' },
  ]);
  expect(holds.map(({ value }) => holdsFor(value))).toEqual([
    ["equals", "begins", "any"],
    ["equals", "below", "any"],
    ["equals", "any"],
    ["equals", "any"],
  ]);
  // What can lie below an address has neither query nor fragment.
  expect(holds[1]?.text).toBe("https://a.test/p");
  expect(argumentName("/a~1b~0c")).toBe("a/b~c");
});

test("arguments that are no object cannot be told apart", () => expect(holdsOf("[1]")).toBeNull());

test.each([
  [{ pointer: "", equalsJson: '{"a":1}' }, ["are exactly", '{"a":1}']],
  [{ pointer: "/m", oneOf: { valuesJson: ['"GET"', "1"] } }, ["is one of", "GET, 1"]],
  [{ pointer: "/m", equalsJson: '""' }, ["is exactly", '""']],
  [{ pointer: "/m", regex: "x" }, ["is held in a way that this version does not know", ""]],
])("%j is said in words", (condition, words) => expect(conditionWords(condition)).toEqual(words));
