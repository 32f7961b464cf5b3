import { expect, test } from "vitest";
import { dayAhead, dueWords, isOverdue, labelsOf, priorityLabel, whyNot } from "./words";

const NOW = new Date(2026, 10, 23, 9, 40).getTime();
const at = (day: number, hour = 18, month = 10, year = 2026) => new Date(year, month, day, hour).toISOString();

test.each([
  [at(23), "today 18:00"],
  [at(23, 0), "today 00:00"],
  [at(24, 0), "tomorrow"],
  [at(22, 23), "yesterday"],
  [at(25), "Wed"],
  [at(29), "Sun"],
  [at(30), "30 Nov"],
  [at(20), "20 Nov"],
  [at(4, 9, 0, 2027), "4 Jan 2027"],
])("%s is due %s", (time, words) => expect(dueWords(time, NOW)).toBe(words));

test("what is done is never overdue, and a task is due until its very time", () => {
  const dueTime = new Date(NOW).toISOString();
  expect(isOverdue({ dueTime, state: "TASK_STATE_OPEN" }, NOW)).toBe(false);
  expect(isOverdue({ dueTime, state: "TASK_STATE_OPEN" }, NOW + 1)).toBe(true);
  expect(isOverdue({ dueTime, state: "TASK_STATE_DONE" }, NOW + 1)).toBe(false);
  expect(isOverdue({ dueTime: undefined, state: "TASK_STATE_OPEN" }, NOW)).toBe(false);
});

test("a day is its evening here, over the end of a month too", () => {
  expect(new Date(dayAhead(8, NOW)).toString()).toBe(new Date(2026, 11, 1, 18).toString());
});

test("labels are read as they are kept", () => {
  expect(labelsOf(" Bug,ui  kit, bug ,, ")).toEqual(["bug", "ui kit"]);
  expect(labelsOf("  ")).toEqual([]);
});

test("what is not said is normal, and what is new is unknown", () => {
  expect(priorityLabel("TASK_PRIORITY_UNSPECIFIED")).toBe("Normal");
  expect(priorityLabel("UNKNOWN_9")).toBe("Unknown priority");
});

test.each([
  ["TASK_CYCLE", '"A" would be blocked by "B"', 'That would go around in a circle: "A" would be blocked by "B".'],
  ["TASK_BLOCKED", 'x waits for 1; take them out of its blocked_by: "Move: it"', 'It waits for "Move: it".'],
  ["TASK_BLOCKED", "otherwise", "It waits for tasks that are not done."],
  ["TASK_UNASSIGNED", "x", "Nobody is assigned to it."],
  ["NEW_REASON", "As the gateway says.", "As the gateway says."],
])("%s is told as people say it", (reason, message, words) =>
  expect(whyNot({ reason, message, violations: [] })).toBe(words),
);

test("wrong fields are named", () => {
  const violations = [{ field: "task.labels[3]", description: "must have 1 to 50 characters" }];
  expect(whyNot({ reason: "INVALID_FIELD", message: "x", violations })).toBe("Labels must have 1 to 50 characters.");
});
