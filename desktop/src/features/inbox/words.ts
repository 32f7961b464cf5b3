// What an inbox item asks, in the user's terms.
import type { Decision, EffectClass, InboxItem } from "~/api/gen/schemas";
import type { Problem } from "~/api/problem";
import { plural } from "~/shared/format/count";
import { ago, duration, until } from "~/shared/format/time";

/** The arguments as an object; null when they are not one. */
export function argumentsOf(item: Pick<InboxItem, "argumentsJson">): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(item.argumentsJson);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** The call in a few words: `POST https://api.example.com/refunds`, `report.md`; the tool's name where nothing is known. */
export function callWords(item: Pick<InboxItem, "tool" | "argumentsJson">): string {
  const args = argumentsOf(item) ?? {};
  switch (item.tool) {
    case "http_request":
      return `${text(args.method) || "request"} ${text(args.url)}`;
    case "http_fetch":
      return `GET ${text(args.url)}`;
    case "write_artifact":
      return `write ${text(args.path)}`;
    case "wait":
      return typeof args.seconds === "number"
        ? `wait ${duration(args.seconds * 1000)}`
        : args.until
          ? `wait until ${text(args.until)}`
          : "wait";
    case "read_artifact":
      return `read ${text(args.path)}`;
    case "delegate":
      return `hand work to ${teammatesOf(args.children)}`;
    default:
      return item.tool;
  }
}

/** `bob and 2 others` of the pieces of work. */
function teammatesOf(pieces: unknown): string {
  const names = (Array.isArray(pieces) ? pieces : []).map((piece) =>
    text((piece as Record<string, unknown> | null)?.teammate),
  );
  const [first = "", ...others] = new Set(names.filter(Boolean));
  if (others.length === 0) return first || "teammates";
  return `${first} and ${plural(others.length, "other")}`;
}

/** Who it is that asks, and for what. The second half is set apart where it is shown. */
export function askWords(item: InboxItem): { lead: string; subject: string } {
  const who = item.agentDisplayName || "An agent";
  switch (item.kind) {
    case "INBOX_ITEM_KIND_APPROVAL":
      return { lead: `${who} wants to`, subject: callWords(item) };
    case "INBOX_ITEM_KIND_QUESTION":
      return { lead: `${who} asks:`, subject: item.question };
    case "INBOX_ITEM_KIND_OUTCOME":
      return { lead: "Did this happen?", subject: callWords(item) };
    default:
      return { lead: `${who} needs you`, subject: "in a way that this version does not know" };
  }
}

const EFFECTS: Partial<Record<EffectClass, string>> = {
  EFFECT_CLASS_PURE: "Changes nothing.",
  EFFECT_CLASS_IDEMPOTENT: "Safe to repeat: the same key has its effect once.",
  EFFECT_CLASS_QUERYABLE: "Can be asked whether it happened.",
  EFFECT_CLASS_AT_MOST_ONCE: "Cannot be taken back or repeated by itself.",
};

/** What is known about repeating the call. */
export const effectWords = (effect: EffectClass): string =>
  EFFECTS[effect] ?? "Treated as if it could not be repeated.";

/** What is known about carrying the call out: that it changes nothing, or what its repetition would do. */
export const riskWords = ({ readOnly, effectClass }: Pick<InboxItem, "readOnly" | "effectClass">): string =>
  readOnly ? "Changes nothing." : effectWords(effectClass);

const CAUSES: Record<string, string> = {
  WORKER_LOST: "The worker that made this call was lost before it had stored an answer.",
  ANSWER_LOST: "The call was sent, and the connection broke before the answer was whole.",
  TIMED_OUT: "The call was sent, and no whole answer came in time.",
  QUERY_UNCLEAR: "The server was asked what became of it, and could not say.",
  NOT_SENT_AGAIN: "This attempt was surely not sent; the one before it is still in doubt.",
};

/** Why nobody knows what became of a call; the cause with its prefix, as items have it, or without, as journals do. */
export const doubtWords = (cause: string): string =>
  CAUSES[cause.replace(/^DOUBT_CAUSE_/, "")] ?? "A crash came between this call and its answer.";

/** `Overdue, and told of twice; again in 8 min`. Empty while it is not; nothing is decided by time. */
export function overdueWords(
  { overdue, escalationCount, dueTime }: Pick<InboxItem, "overdue" | "escalationCount" | "dueTime">,
  nowMs: number,
): string {
  if (!overdue) return dueTime ? `Wanted within ${until(dueTime, nowMs)}.` : "";
  const told = escalationCount > 0 ? `, and told of ${times(escalationCount)}` : "";
  return `Overdue${told}${dueTime ? `; again in ${until(dueTime, nowMs)}` : ""}.`;
}

const times = (count: number): string => ["", "once", "twice"][count] ?? plural(count, "time");

/** What a person decided, as `approved` or `rejected: too risky`. */
export function decisionWords(decision: Decision | undefined): string {
  if (!decision) return "Decided";
  if (decision.approve)
    return decision.approve.argumentsJson === undefined ? "Approved" : "Approved with changed arguments";
  if (decision.respond) return `Answered in its place: ${decision.respond.text}`;
  if (decision.reject) return `Rejected: ${decision.reject.reason}`;
  if (decision.answer) return `Answered: ${decision.answer.text}`;
  if (decision.markDone) return `Marked as done: ${decision.markDone.result}`;
  if (decision.retry) return "Have it tried again";
  if (decision.fail) return `Counted as failed: ${decision.fail.reason}`;
  return "Decided in a way that this version does not know";
}

const DECISIONS: Record<string, string> = {
  approve: "Approved",
  reject: "Rejected",
  respond: "Answered in its place",
  answer: "Answered",
  mark_done: "Marked as done",
  retry: "Have it tried again",
  fail: "Counted as failed",
};

/** Who came first, and with what, as a refusal tells it: `somebody else was first, 12 s ago. Rejected: too risky`. */
export function firstWords(metadata: Problem["metadata"], me: string, nowMs: number): string {
  const { decider = "", decision = "", detail = "", decide_time: time } = metadata;
  const who = decider !== "" && decider === me ? "You were" : "Somebody else was";
  const when = time ? ago(time, nowMs) : "";
  const past = when === "" ? "" : when === "now" ? ", just now" : `, ${when} ago`;
  return `${who} first${past}. ${DECISIONS[decision] ?? "Decided"}${detail ? `: ${detail}` : ""}`;
}
