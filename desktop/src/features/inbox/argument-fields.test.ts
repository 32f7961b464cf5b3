import { expect, test } from "vitest";
import { fieldsOf, jsonOf } from "./argument-fields";

const through = (json: string) => JSON.parse(jsonOf(fieldsOf(json) ?? []));

test.each([
  ['{"path":"a.md","content":"line\\n\\"two\\" \\\\ \\u00e9"}'],
  ['{"count":3,"deep":{"list":[1,null,"x"]},"on":false,"none":null}'],
  ['{"odd \\"name\\"":"","__proto__x":"y"}'],
])("%s is the same after a way through the fields", (json) => {
  expect(through(json)).toEqual(JSON.parse(json));
});

test("short ones come first, long texts and objects get room", () => {
  const fields = fieldsOf('{"content":"a\\nb","deep":{"x":1},"path":"a.md","count":3}');
  expect(fields?.map(({ name, kind, long }) => [name, kind, long])).toEqual([
    ["path", "text", false],
    ["count", "json", false],
    ["content", "text", true],
    ["deep", "json", true],
  ]);
});

test("what is no object, or has nothing in it, has no fields", () => {
  for (const json of ["{}", "[]", '"x"', "{oops"]) expect(fieldsOf(json)).toBeNull();
});

test("a field that is no JSON makes the whole of it no JSON, so that it is refused", () => {
  const fields = fieldsOf('{"count":3}')?.map((field) => ({ ...field, value: "three" })) ?? [];
  expect(() => JSON.parse(jsonOf(fields))).toThrow();
});
