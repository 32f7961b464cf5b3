// A task in the user's terms: how much it presses, when it is due, and why something was not done to it.
import type { Task, TaskPriority } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";

/** Priorities, the most pressing first; `key` stands in links. */
export const PRIORITIES = [
  { value: "TASK_PRIORITY_URGENT", key: "urgent", label: "Urgent" },
  { value: "TASK_PRIORITY_HIGH", key: "high", label: "High" },
  { value: "TASK_PRIORITY_NORMAL", key: "normal", label: "Normal" },
  { value: "TASK_PRIORITY_LOW", key: "low", label: "Low" },
] as const satisfies readonly { value: TaskPriority; key: string; label: string }[];

/** The word for a priority; what is not said is normal. */
export const priorityLabel = (priority: TaskPriority): string =>
  priority === "TASK_PRIORITY_UNSPECIFIED"
    ? "Normal"
    : (PRIORITIES.find(({ value }) => value === priority)?.label ?? "Unknown priority");

/** True when it should have been done by now, and is not. */
export const isOverdue = ({ dueTime, state }: Pick<Task, "dueTime" | "state">, nowMs: number): boolean =>
  dueTime !== undefined && state !== "TASK_STATE_DONE" && Date.parse(dueTime) < nowMs;

const DAY_MS = 86_400_000;
const midnight = (ms: number): number => new Date(ms).setHours(0, 0, 0, 0);

/** `today 18:00`, `tomorrow`, `yesterday`, `Fri`, `4 Dec`, `4 Dec 2027`, on this machine's clock. */
export function dueWords(dueTime: string, nowMs: number): string {
  const due = new Date(dueTime);
  const days = Math.round((midnight(due.getTime()) - midnight(nowMs)) / DAY_MS);
  if (days === 0) return `today ${due.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
  if (days === 1) return "tomorrow";
  if (days === -1) return "yesterday";
  if (days > 1 && days < 7) return due.toLocaleDateString("en-GB", { weekday: "short" });
  const year = due.getFullYear() === new Date(nowMs).getFullYear() ? {} : { year: "numeric" as const };
  return due.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...year });
}

/** The hour of a day that something is due at when only the day is said, on this machine's clock. */
const DUE_HOUR = 18;

/** A day from today on, as RFC 3339: 0 is today. */
export function dayAhead(days: number, nowMs: number): string {
  const day = new Date(nowMs);
  day.setDate(day.getDate() + days);
  day.setHours(DUE_HOUR, 0, 0, 0);
  return day.toISOString();
}

/** Labels as they are kept: lower case, single blanks, each once, in order. Commas part them. */
export function labelsOf(text: string): string[] {
  const labels = text.split(",").map((label) => label.trim().replace(/\s+/g, " ").toLowerCase());
  return [...new Set(labels.filter(Boolean))].sort();
}

interface Refused {
  reason: string;
  message: string;
  violations: readonly { field: string; description: string }[];
}

/** Why a task was not changed or not started. */
export function whyNot({ reason, message, violations }: Refused): string {
  switch (reason) {
    case "TASK_CYCLE":
      return `That would go around in a circle: ${message}.`;
    case "TASK_BLOCKED": {
      const named = message.split("blocked_by: ")[1];
      return named ? `It waits for ${named}.` : "It waits for tasks that are not done.";
    }
    case "TASK_ALREADY_RUNNING":
      return "A run of it is under way already.";
    case "TASK_UNASSIGNED":
      return "Nobody is assigned to it.";
    case "ETAG_MISMATCH":
      return "Somebody changed it meanwhile; look at it and try again.";
  }
  if (violations.length === 0) return message;
  return violations.map(({ field, description }) => clause(`${fieldWord(field)} ${description}`)).join(" ");
}

/** Why, of what a call threw. */
export function whyNotThrown(thrown: unknown): string {
  const { reason, detail, violations } = asProblem(thrown);
  return whyNot({ reason, message: detail, violations });
}

const fieldWord = (field: string): string =>
  field
    .replace(/^task(_comment)?\./, "")
    .replace(/\[\d+\]/g, "")
    .replace(/[._]/g, " ");

const clause = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
