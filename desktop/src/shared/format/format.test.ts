import { expect, test } from "vitest";
import { usd, usdSum } from "./money";
import { agentOf, shortId, workspaceOf } from "./name";
import { ago, atWords, duration, until } from "./time";

test.each([
  ["0", "$0.00"],
  ["410000000", "$0.41"],
  ["3140000", "$0.0031"],
  ["12", "<$0.000001"],
  ["14200000000", "$14.20"],
])("%s nano dollars are %s", (nano, text) => expect(usd(nano)).toBe(text));

test("an unknown cost is never shown as nothing", () => {
  expect(usd(undefined)).toBe("unknown");
  expect(usdSum("0", 2, 2)).toBe("unknown");
  expect(usdSum("410000000", 1, 3)).toBe("at least $0.41");
  expect(usdSum("410000000", 0, 3)).toBe("$0.41");
});

test("an estimate is marked", () => expect(usd("410000000", { estimated: true })).toBe("~$0.41"));

test.each([
  [0, "now"],
  [4_999, "now"],
  [12_000, "12 s"],
  [9 * 60_000, "9 min"],
  [3 * 3_600_000, "3 h"],
  [49 * 3_600_000, "2 d"],
])("%i ms ago is %s", (ms, text) => expect(ago(1_700_000_000_000, 1_700_000_000_000 + ms)).toBe(text));

test("a clock that is behind does not make the future", () => expect(ago(2_000, 1_000)).toBe("now"));

test.each([
  [380, "380 ms"],
  [9_960, "10.0 s"],
  [59_400, "59 s"],
  [391_000, "6 min 31 s"],
  [7_500_000, "2 h 5 min"],
  [273_600_000, "3 d 4 h"],
])("%i ms take %s", (ms, text) => expect(duration(ms)).toBe(text));

test("names are taken apart", () => {
  expect(workspaceOf("workspaces/w/runs/r")).toBe("workspaces/w");
  expect(agentOf("workspaces/w/agents/a/versions/7")).toBe("workspaces/w/agents/a");
  expect(shortId("workspaces/w/runs/0198c0de-1234")).toBe("e-1234");
});

test.each([
  [-5, "a moment"],
  [400, "1 s"],
  [59_000, "59 s"],
  [9 * 60_000 + 10_000, "9 min"],
  [59 * 60_000 + 40_000, "1 h"],
  [125 * 60_000, "2 h 5 min"],
  [24 * 3_600_000, "1 d"],
  [50 * 3_600_000, "2 d 2 h"],
])("what is %i ms off is in %s", (ms, text) => expect(until(1_700_000_000_000 + ms, 1_700_000_000_000)).toBe(text));

test("a time of another day says which", () => {
  const now = new Date(2026, 10, 23, 9, 0);
  expect(atWords(new Date(2026, 10, 23, 14, 5), now)).toBe("at 14:05");
  expect(atWords(new Date(2026, 10, 24, 14, 5), now)).toBe("on Tue 24 Nov at 14:05");
});
