// What a run costs and how long it took, with what is not known said.
import type { Run } from "~/api/gen/schemas";
import { usd } from "~/shared/format/money";
import { duration, spanMs } from "~/shared/format/time";

/**
 * `$0.41`; `~$0.41` when a part is estimated; `$0.41 +?` when calls without a price are not in it; a dash while no model call
 * has been booked.
 */
export function runCost(
  run: Pick<Run, "costNanoUsd" | "unpricedCalls" | "estimatedCostNanoUsd" | "totalTokens">,
): string {
  if (run.totalTokens === "0" && run.unpricedCalls === 0 && run.costNanoUsd === "0") return "–";
  if (run.unpricedCalls > 0 && run.costNanoUsd === "0") return "unknown";
  const sum = usd(run.costNanoUsd, { estimated: run.estimatedCostNanoUsd !== "0" });
  return run.unpricedCalls > 0 ? `${sum} +?` : sum;
}

/** Says what the sum leaves out; empty when it is whole. */
export function costNote(run: Pick<Run, "unpricedCalls" | "estimatedCostNanoUsd">): string {
  const notes = [
    run.estimatedCostNanoUsd === "0" ? "" : `${usd(run.estimatedCostNanoUsd)} of it estimated: an answer was cut`,
    run.unpricedCalls === 0
      ? ""
      : `${run.unpricedCalls} model ${run.unpricedCalls === 1 ? "call" : "calls"} without a known price`,
  ];
  return notes.filter(Boolean).join("; ");
}

/** How long it has been at work; since it was queued while no worker has it. */
export function elapsed(run: Pick<Run, "createTime" | "startTime" | "endTime">, nowMs: number): string {
  const span = spanMs(run.startTime ?? run.createTime, run.endTime, nowMs);
  return span === null ? "" : duration(span);
}
