// What of the board is looked at: in links, in words, and as the gateway is asked for it.
import { z } from "zod";
import type { TaskFilter } from "~/api/queries";
import { labelsOf, PRIORITIES } from "./words";

export const STATES = [
  { value: "all", label: "All" },
  { value: "open", label: "Open" },
  { value: "in_progress", label: "In progress" },
  { value: "done", label: "Done" },
  { value: "stopped", label: "Stopped" },
] as const;

export const ORDERS = [
  { value: "newest", label: "Newest first", by: "create_time desc" },
  { value: "changed", label: "Last changed first", by: "update_time desc" },
  { value: "due", label: "Due first", by: "due_time" },
  { value: "priority", label: "Most pressing first", by: "priority desc" },
] as const;

export const DUES = [
  { value: "overdue", label: "Overdue" },
  { value: "today", label: "Due today" },
  { value: "week", label: "Due within 7 days" },
  { value: "some", label: "Has a due time" },
] as const;

const text = z.string().optional().catch(undefined);
const oneOf = <const Value extends string>(options: readonly { value: Value }[]) =>
  z
    .enum(options.map(({ value }) => value) as [Value, ...Value[]])
    .optional()
    .catch(undefined);

/** The search part of `/tasks`: a link to what one looks at. */
export const BoardSearch = z.object({
  state: text,
  find: text,
  task: text,
  /** Id of an agent. */
  assignee: text,
  /** Parted by commas, which no label has. */
  labels: text,
  priority: z
    .enum(PRIORITIES.map(({ key }) => key) as ["urgent", "high", "normal", "low"])
    .optional()
    .catch(undefined),
  due: oneOf(DUES),
  blocked: z.boolean().optional().catch(undefined),
  order: oneOf(ORDERS),
});
export type BoardSearch = z.output<typeof BoardSearch>;

export type StateFilter = (typeof STATES)[number]["value"];
export const stateOf = (search: BoardSearch): StateFilter =>
  STATES.find(({ value }) => value === search.state)?.value ?? "all";

/** What the gateway is asked for. Words are left out: they are asked for when somebody has stopped writing. */
export function filterOf(search: BoardSearch, workspace: string): TaskFilter {
  const state = stateOf(search);
  const labels = labelsOf(search.labels ?? "");
  return {
    state: state === "all" ? undefined : `TASK_STATE_${state.toUpperCase()}`,
    assignee: search.assignee && `${workspace}/agents/${search.assignee}`,
    labels: labels.length > 0 ? labels : undefined,
    priority: PRIORITIES.find(({ key }) => key === search.priority)?.value,
    due: search.due,
    blocked: search.blocked,
    orderBy: ORDERS.find(({ value }) => value === search.order)?.by,
  };
}

/** True when fewer tasks are looked at than there are. */
export const isNarrowed = (search: BoardSearch): boolean =>
  stateOf(search) !== "all" || chipsOf(search, () => "").length > 0 || Boolean(search.find?.trim());

/** A filter that holds, in words, and the search without it. */
export interface Chip {
  readonly key: string;
  readonly words: string;
  readonly without: Partial<BoardSearch>;
}

/** Filters that hold, beside the state and the words. */
export function chipsOf(search: BoardSearch, agentNamed: (id: string) => string): Chip[] {
  const chips: Chip[] = [];
  const { assignee, priority, due, blocked } = search;
  if (assignee) chips.push({ key: "assignee", words: agentNamed(assignee), without: { assignee: undefined } });
  const pressing = PRIORITIES.find(({ key }) => key === priority);
  if (pressing) {
    chips.push({ key: "priority", words: `${pressing.label} priority`, without: { priority: undefined } });
  }
  const labels = labelsOf(search.labels ?? "");
  for (const label of labels) {
    const rest = labels.filter((each) => each !== label).join(",");
    chips.push({ key: `label ${label}`, words: label, without: { labels: rest || undefined } });
  }
  const soon = DUES.find(({ value }) => value === due);
  if (soon) chips.push({ key: "due", words: soon.label, without: { due: undefined } });
  if (blocked !== undefined) {
    chips.push({ key: "blocked", words: blocked ? "Blocked" : "Not blocked", without: { blocked: undefined } });
  }
  return chips;
}

/** The search with one more label, each once. */
export const withLabel = (search: BoardSearch, label: string): BoardSearch => ({
  ...search,
  labels: labelsOf(`${search.labels ?? ""},${label}`).join(","),
});
