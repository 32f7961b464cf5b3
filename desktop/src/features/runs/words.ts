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

/** What a run waits for by itself. */
interface Rest {
  /** Before the time, in a head: `wakes`. */
  readonly short: string;
  /** Before the time, in a sentence. */
  readonly verb: string;
  /** What it costs meanwhile, and what can be done. */
  readonly note: string;
}

/** What a run has to do with its provider's limit. */
export interface Limit {
  /** In a few words. */
  readonly lead: string;
  /** Whether a time belongs behind them: until when the provider is left alone. */
  readonly until: boolean;
  /** What happens next. */
  readonly note: string;
  /** Whether a person can have this run go first. */
  readonly hurries: boolean;
}

/** Why a run does not call its model for now; null while its provider takes calls. */
export function limitWords(run: Pick<Run, "name" | "providerLimit">, now: number): Limit | null {
  const limit = run.providerLimit;
  if (!limit) return null;
  const waiting = limit.waitingRuns ?? 0;
  const many = waiting >= 1000 ? "1,000 runs or more wait" : waiting === 1 ? "1 run waits" : `${waiting} runs wait`;
  if (limit.opening) {
    const note = `${many}; they are let go a few at a time.`;
    return { lead: `${limit.provider} takes calls again`, until: false, note, hurries: false };
  }
  if (limit.probeRun && limit.probeRun === run.name) {
    const note = `${many} for what it hears.`;
    return { lead: `This run tries ${limit.provider} first`, until: false, note, hurries: false };
  }
  const lead = `Waiting for ${limit.provider}'s limit`;
  if (limit.probeRun) return { lead, until: false, note: `${many}; one is trying now.`, hurries: false };
  const ahead = Date.parse(limit.untilTime ?? "") > now;
  const next = ahead ? "then one tries first" : "one tries next";
  return { lead, until: ahead, note: `${many}; ${next}.`, hurries: true };
}

/** What a run with a `wakeTime` waits for; null for one that goes on now, has ended, or waits for people alone. */
export function restWords(
  run: Pick<Run, "state" | "waitReason" | "wakeTime" | "startTime" | "scheduledStartTime" | "agentDisplayName">,
): Rest | null {
  if (!run.wakeTime) return null;
  const who = run.agentDisplayName || "the agent";
  if (run.state === "RUN_STATE_QUEUED") {
    if (run.scheduledStartTime && !run.startTime) {
      return {
        short: "starts",
        verb: "Starts",
        note: "Until then it holds nothing and costs nothing; cancel it to take it back.",
      };
    }
    return {
      short: "tried again",
      verb: "Tried again",
      note: "The call before failed in a way that may pass; it goes on by itself.",
    };
  }
  if (run.state !== "RUN_STATE_WAITING") return null;
  if (run.waitReason === "WAIT_REASON_QUOTA") {
    return {
      short: "tried again",
      verb: "Tried again",
      note: `Its provider takes no more calls for now: a rate limit, or a plan that is used up. Nothing is lost, and it goes on by itself. To go on sooner, give ${who} another model and start the task again.`,
    };
  }
  return {
    short: "wakes",
    verb: "Wakes",
    note: "It holds no worker and costs nothing meanwhile; a message to it is read when it wakes.",
  };
}
