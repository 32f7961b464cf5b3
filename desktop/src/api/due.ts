// When something has to be due to be listed; days begin at midnight on this machine's clock.

export type Due = "overdue" | "today" | "week" | "some";

/** The times between which something is due that is called so now. */
export function dueBounds(due: Due | undefined, nowMs: number): { dueAfter?: string; dueBefore?: string } {
  const iso = (ms: number) => new Date(ms).toISOString();
  const day = (ahead: number) => {
    const start = new Date(nowMs);
    start.setHours(0, 0, 0, 0);
    start.setDate(start.getDate() + ahead);
    return start.getTime();
  };
  switch (due) {
    case "overdue":
      return { dueBefore: iso(nowMs) };
    case "today":
      return { dueAfter: iso(day(0)), dueBefore: iso(day(1)) };
    case "week":
      return { dueAfter: iso(day(0)), dueBefore: iso(day(8)) };
    case "some":
      return { dueBefore: "9999-12-31T23:59:59Z" };
    default:
      return {};
  }
}
