import { expect, test } from "vitest";
import { restWords, runCost } from "./words";

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
