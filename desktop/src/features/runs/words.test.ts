import { expect, test } from "vitest";
import { runCost } from "./words";

const nothing = { costNanoUsd: "0", unpricedCalls: 0, estimatedCostNanoUsd: "0", totalTokens: "0" };

test.each([
  ["nothing is booked yet", nothing, "–"],
  ["a free model has answered", { ...nothing, totalTokens: "12" }, "$0.00"],
  ["an answer has a price", { ...nothing, totalTokens: "12", costNanoUsd: "410000000" }, "$0.41"],
  ["a part is estimated", { ...nothing, costNanoUsd: "410000000", estimatedCostNanoUsd: "10000000" }, "~$0.41"],
  ["no call has a price", { ...nothing, unpricedCalls: 1 }, "unknown"],
  ["one call of several has none", { ...nothing, costNanoUsd: "410000000", unpricedCalls: 1 }, "$0.41 +?"],
])("when %s", (_, run, words) => expect(runCost(run)).toBe(words));
