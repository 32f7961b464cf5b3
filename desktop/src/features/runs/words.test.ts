import { expect, test } from "vitest";
import { limitWords, restWords, runCost } from "./words";

const nothing = { costNanoUsd: "0", unpricedCalls: 0, estimatedCostNanoUsd: "0", totalTokens: "0" };

test.each([
  ["nothing is booked yet", nothing, "–"],
  ["a free model has answered", { ...nothing, totalTokens: "12" }, "$0.00"],
  ["an answer has a price", { ...nothing, totalTokens: "12", costNanoUsd: "410000000" }, "$0.41"],
  ["a part is estimated", { ...nothing, costNanoUsd: "410000000", estimatedCostNanoUsd: "10000000" }, "~$0.41"],
  ["no call has a price", { ...nothing, unpricedCalls: 1 }, "unknown"],
  ["one call of several has none", { ...nothing, costNanoUsd: "410000000", unpricedCalls: 1 }, "$0.41 +?"],
])("when %s", (_, run, words) => expect(runCost(run)).toBe(words));

const rests = {
  state: "RUN_STATE_WAITING",
  waitReason: "WAIT_REASON_TIMER",
  wakeTime: "2026-11-23T09:00:00Z",
  startTime: "2026-11-23T08:00:00Z",
  agentDisplayName: "Ana",
} as const;

test.each([
  ["a timer", rests, "wakes"],
  ["a provider's quota", { ...rests, waitReason: "WAIT_REASON_QUOTA" }, "tried again"],
  ["people and a timer", { ...rests, waitReason: "WAIT_REASON_APPROVAL" }, "wakes"],
  [
    "its start",
    { ...rests, state: "RUN_STATE_QUEUED", startTime: undefined, scheduledStartTime: rests.wakeTime },
    "starts",
  ],
  ["another attempt", { ...rests, state: "RUN_STATE_QUEUED" }, "tried again"],
  ["people alone", { ...rests, wakeTime: undefined }, undefined],
  ["nothing, because it is paused", { ...rests, state: "RUN_STATE_PAUSED" }, undefined],
] as const)("a run that waits for %s says so", (_, run, word) => expect(restWords(run)?.short).toBe(word));

const NOW = Date.parse("2026-11-23T14:00:00Z");
const limit = {
  provider: "anthropic",
  untilTime: "2026-11-23T14:32:00Z",
  waitingRuns: 41,
  probeRun: "",
  opening: false,
};
const words = (change: object) =>
  limitWords({ name: "workspaces/w/runs/a", providerLimit: { ...limit, ...change } as never }, NOW);

test.each([
  ["waits", {}, "Waiting for anthropic's limit", "41 runs wait; then one tries first.", true],
  [
    "waits, and it is time",
    { untilTime: "2026-11-23T13:59:00Z" },
    "Waiting for anthropic's limit",
    "41 runs wait; one tries next.",
    true,
  ],
  [
    "waits for another one",
    { probeRun: "workspaces/w/runs/b" },
    "Waiting for anthropic's limit",
    "41 runs wait; one is trying now.",
    false,
  ],
  [
    "goes first",
    { probeRun: "workspaces/w/runs/a", waitingRuns: 1 },
    "This run tries anthropic first",
    "1 run waits for what it hears.",
    false,
  ],
  [
    "is about to be let go",
    { opening: true, waitingRuns: 1000 },
    "anthropic takes calls again",
    "1,000 runs or more wait; they are let go a few at a time.",
    false,
  ],
] as const)("a run at its provider's limit that %s says so", (_, change, lead, note, hurries) =>
  expect(words(change)).toMatchObject({ lead, note, hurries }),
);

test("a run whose provider takes calls says nothing of a limit", () =>
  expect(limitWords({ name: "workspaces/w/runs/a", providerLimit: undefined }, NOW)).toBeNull());
