// What an inbox item asks, in the user's terms.
import type { Decision, EffectClass, InboxItem } from "~/api/gen/schemas";

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
    case "read_artifact":
      return `read ${text(args.path)}`;
    default:
      return item.tool;
  }
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
