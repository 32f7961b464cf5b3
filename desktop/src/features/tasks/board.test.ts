import { expect, test } from "vitest";
import { dueBounds } from "~/api/due";
import { BoardSearch, chipsOf, filterOf, isNarrowed, withLabel } from "./board";

const search = (more: object = {}): BoardSearch => BoardSearch.parse(more);

test("a link says what the gateway is asked for", () => {
  const all = search({
    state: "in_progress",
    assignee: "ana",
    labels: "UI, bug",
    priority: "urgent",
    due: "overdue",
    blocked: true,
    order: "due",
  });
  expect(filterOf(all, "workspaces/w")).toEqual({
    state: "TASK_STATE_IN_PROGRESS",
    assignee: "workspaces/w/agents/ana",
    labels: ["bug", "ui"],
    priority: "TASK_PRIORITY_URGENT",
    due: "overdue",
    blocked: true,
    orderBy: "due_time",
  });
});

test("what a link says that means nothing is left alone", () => {
  const odd = search({ state: "asleep", priority: "whim", due: "never", order: "chaos", blocked: "maybe" });
  expect(Object.values(filterOf(odd, "w")).filter((value) => value !== undefined)).toEqual([]);
  expect(isNarrowed(odd)).toBe(false);
});

test("each filter that holds can be taken out by itself", () => {
  const both = search({ labels: "bug,ui", blocked: false, assignee: "ana" });
  const chips = chipsOf(both, (id) => id.toUpperCase());
  expect(chips.map(({ words }) => words)).toEqual(["ANA", "bug", "ui", "Not blocked"]);
  expect(chips.map(({ without }) => without)).toEqual([
    { assignee: undefined },
    { labels: "ui" },
    { labels: "bug" },
    { blocked: undefined },
  ]);
  expect(withLabel(search({ labels: "ui" }), "Bug").labels).toBe("bug,ui");
  expect(withLabel(search({ labels: "ui" }), "ui").labels).toBe("ui");
});

test("days begin at midnight here, and what is overdue was due before now", () => {
  const now = new Date(2026, 10, 30, 9, 40);
  const at = (day: number, month = 10) => new Date(2026, month, day).toISOString();
  expect(dueBounds("overdue", now.getTime())).toEqual({ dueBefore: now.toISOString() });
  expect(dueBounds("today", now.getTime())).toEqual({ dueAfter: at(30), dueBefore: at(1, 11) });
  expect(dueBounds("week", now.getTime())).toEqual({ dueAfter: at(30), dueBefore: at(8, 11) });
  expect(dueBounds(undefined, now.getTime())).toEqual({});
});
