// What entries of a timeline say, in the user's terms.
import type { CommandKind } from "~/api/gen/schemas";
import { callWords } from "~/features/inbox/words";
import { usd } from "~/shared/format/money";
import type { CallEntry, ModelEntry } from "./journal/entries";
import { isWhole } from "./journal/kept";

/** Who a user is to the one who looks. */
export const whoWords = (user: string, me: string): string =>
  user === "" ? "somebody" : user === me ? "you" : "somebody else";

/** The call in a few words; the tool's name where the arguments cannot be read. */
export function callTitle({ tool, argumentsJson }: Pick<CallEntry, "tool" | "argumentsJson">): string {
  return isWhole(argumentsJson) ? callWords({ tool, argumentsJson: argumentsJson.text }).trim() : tool;
}

/** The first line of a text that says something. */
export const firstLine = (text: string): string =>
  text
    .slice(0, 400)
    .split("\n")
    .map((line) => line.trim())
    .find((line) => line !== "") ?? "";

/** `$0.01`, `~$0.0031`, `unknown cost`; empty while nothing is charged. */
export function modelCost(entry: ModelEntry): string {
  if (entry.costNanoUsd !== undefined) return usd(entry.costNanoUsd, { estimated: entry.estimated });
  return entry.state === "answered" || entry.maybeBilled ? "unknown" : "";
}

const ORDERS: Partial<Record<CommandKind, { order: string; doing: string; done: string }>> = {
  COMMAND_KIND_PAUSE: { order: "pause", doing: "Pausing...", done: "Paused" },
  COMMAND_KIND_RESUME: { order: "resume", doing: "Resuming...", done: "Resumed" },
  COMMAND_KIND_CANCEL: { order: "cancel", doing: "Cancelling...", done: "Cancelled" },
  COMMAND_KIND_STEER: { order: "read this", doing: "On its way...", done: "Read" },
  COMMAND_KIND_RETRY: { order: "go on from the failed step", doing: "Going on...", done: "Went on" },
};

export const orderWords = (kind: CommandKind) =>
  ORDERS[kind] ?? { order: "do something that this version does not know", doing: "Under way...", done: "Done" };

/** What a failure is called; the error's own message says what to do. */
const FAILURES: Record<string, string> = {
  STEP_LIMIT_REACHED: "It has used up its model calls",
  TOKEN_LIMIT_REACHED: "It has used up its tokens",
  COST_LIMIT_REACHED: "It has cost what it may",
  COST_UNKNOWN: "Nobody knows what it costs",
  DURATION_LIMIT_REACHED: "Its time is up",
  STEP_TIMED_OUT: "A step took too long",
  TASK_ALREADY_RUNNING: "Its task has another run",
  TASK_IMPOSSIBLE: "The agent says that it cannot be done",
  NO_FINISH: "It never came to an end",
  EMPTY_ANSWERS: "The model kept saying nothing",
  TRUNCATED_ANSWERS: "The model's answers kept being cut",
  STUCK_LOOP: "It went round in circles",
  ANSWER_WITHHELD: "The provider withheld the answer",
  CONTEXT_TOO_LONG: "The conversation no longer fits into the model",
  OUTCOME_UNKNOWN: "Nobody knows what became of a call",
  POISON_RUN: "Worker after worker died with it",
};

/** What went wrong in a few words. */
export const failureTitle = (reason: string): string => FAILURES[reason] ?? "It failed";

/** Failures that would come again at once: the run keeps its limits, and what it has used. */
export const isUsedUp = (reason: string): boolean =>
  /^(STEP|TOKEN|COST)_LIMIT_REACHED$/.test(reason) || reason === "COST_UNKNOWN";

const ADVICE: Record<string, (who: string) => string> = {
  STEP_LIMIT_REACHED: (who) => `Give ${who} more model calls or split the task, and run it from the start.`,
  TOKEN_LIMIT_REACHED: (who) => `Give ${who} more tokens or split the task, and run it from the start.`,
  COST_LIMIT_REACHED: (who) =>
    `Let ${who} spend more, pick a cheaper model or split the task, and run it from the start.`,
  COST_UNKNOWN: (who) =>
    `${who} has a limit in dollars, which a call without a price cannot be held to. Pick a model that has a price, or take the limit off, and run it from the start.`,
  DURATION_LIMIT_REACHED: (who) => `Go on from here, where its time counts anew; or give ${who} more of it.`,
  STEP_TIMED_OUT: (who) => `Go on from here to try the step again; or give ${who} more time for each step.`,
  OUTCOME_UNKNOWN: () => "Look at the other side before it goes on: repeating the call could do it twice.",
  POISON_RUN: () =>
    "Something in it breaks its workers. Run it from the start; if that ends the same way, tell who runs this.",
  CONTEXT_TOO_LONG: (who) => `Split the task, or give ${who} a model that reads more.`,
};

/** What to do about a failure, in the words of this interface; empty where only the error's own message knows. */
export const failureAdvice = (reason: string, agent: string): string => ADVICE[reason]?.(agent || "the agent") ?? "";

/** Failures that other limits, instructions or another model of the agent would mend. */
export const agentCanMend = (reason: string): boolean =>
  /_LIMIT_REACHED$/.test(reason) ||
  [
    "COST_UNKNOWN",
    "STEP_TIMED_OUT",
    "NO_FINISH",
    "EMPTY_ANSWERS",
    "TRUNCATED_ANSWERS",
    "STUCK_LOOP",
    "ANSWER_WITHHELD",
    "CONTEXT_TOO_LONG",
  ].includes(reason);
