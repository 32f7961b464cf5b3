// One line per event of a journal: who, and what happened, in the user's terms.
import type { Decision, Message } from "~/api/gen/schemas";
import { usd } from "~/shared/format/money";
import { duration, durationMs } from "~/shared/format/time";
import type { FeedEvent } from "./use-run-feed";

export interface EventWords {
  /** Who did it: `model`, `tool`, `asks`, `you`, `run`. */
  readonly who: "run" | "model" | "tool" | "asks" | "person" | "unknown";
  readonly what: string;
  /** Cost, duration. */
  readonly aside?: string;
  readonly bad?: boolean;
}

/** The text of a message, without what is not text. */
export const messageText = (message: Message | undefined): string =>
  (message?.parts ?? [])
    .map((part) => part.text ?? "")
    .filter(Boolean)
    .join("\n");

const calls = (message: Message | undefined): string =>
  (message?.parts ?? []).flatMap((part) => (part.toolCall ? [part.toolCall.tool] : [])).join(", ");

const words = (who: EventWords["who"], what: string, more: Partial<EventWords> = {}): EventWords => ({
  who,
  what,
  ...more,
});

/** What `event` says. Every kind of this build has words; others are unknown, and say their name. */
export function eventWords(event: FeedEvent): EventWords {
  if ("unreadable" in event) return words("unknown", "An event that this version cannot read");
  const e = event as Exclude<FeedEvent, { unreadable: unknown }>;
  if (e.queued) return words("run", `Queued for ${e.queued.agentDisplayName || "an agent"}`);
  if (e.started) return words("run", "A worker took it");
  if (e.takenOver) return words("run", "Another worker took it over and goes on");
  if (e.modelCallStarted) return words("model", `Asked ${e.modelCallStarted.model}`);
  if (e.modelCallCompleted) {
    const { message, duration: span, costNanoUsd } = e.modelCallCompleted;
    const aside = [span ? duration(durationMs(span)) : "", usd(costNanoUsd)].filter(Boolean).join(" · ");
    return words("model", messageText(message) || `Calls ${calls(message) || "nothing"}`, { aside });
  }
  if (e.modelCallFailed) {
    const again = e.modelCallFailed.retryTime ? "; it is tried again" : "";
    return words("model", `${e.modelCallFailed.error?.message ?? "The call failed"}${again}`, { bad: true });
  }
  if (e.toolCallStarted) return words("tool", `${e.toolCallStarted.tool} ${e.toolCallStarted.argumentsJson}`);
  if (e.toolCallCompleted) {
    const { content, isError, duration: span } = e.toolCallCompleted;
    return words("tool", content, { bad: isError, ...(span ? { aside: duration(durationMs(span)) } : {}) });
  }
  if (e.engineNote) return words("run", e.engineNote.text);
  if (e.succeeded) return words("run", e.succeeded.summary || "Succeeded");
  if (e.failed) return words("run", e.failed.error?.message ?? "Failed", { bad: true });
  if (e.commandDelivered)
    return words("person", `Ordered: ${commandWord(e.commandDelivered.kind)}`, asideOf(e.commandDelivered.reason));
  if (e.paused) return words("run", "Paused");
  if (e.resumed) return words("run", "Goes on");
  if (e.cancelled) return words("run", "Cancelled", asideOf(e.cancelled.reason));
  if (e.approvalRequested)
    return words("asks", `May I run ${e.approvalRequested.tool}? ${e.approvalRequested.argumentsJson}`);
  if (e.questionAsked) return words("asks", e.questionAsked.question);
  if (e.outcomeUnknown)
    return words("asks", `What became of ${e.outcomeUnknown.tool}? A crash came before its answer.`);
  if (e.decided) return words("person", decisionWords(e.decided.decision));
  const kind = Object.keys(e).find((key) => key !== "seq" && key !== "createTime");
  return words("unknown", `An event that this version does not know: ${kind ?? "nothing"}`);
}

const asideOf = (reason: string): Partial<EventWords> => (reason ? { aside: reason } : {});

const commandWord = (kind: string): string => kind.replace("COMMAND_KIND_", "").toLowerCase();

/** What a person decided, as `approved` or `rejected: too risky`. */
export function decisionWords(decision: Decision | undefined): string {
  if (!decision) return "Decided";
  if (decision.approve)
    return decision.approve.argumentsJson === undefined ? "Approved" : "Approved with changed arguments";
  if (decision.reject) return `Rejected: ${decision.reject.reason}`;
  if (decision.answer) return `Answered: ${decision.answer.text}`;
  if (decision.markDone) return `Marked as done: ${decision.markDone.result}`;
  if (decision.retry) return "Have it tried again";
  if (decision.fail) return `Counted as failed: ${decision.fail.reason}`;
  return "Decided in a way that this version does not know";
}
