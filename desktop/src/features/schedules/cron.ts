// Cron expressions as people say them, where they are simple; all others are shown as they are written.

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const SHORTHANDS: Record<string, string> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};

/** Expressions to begin with. */
export const PRESETS = [
  { label: "Every hour", cron: "0 * * * *" },
  { label: "Every day", cron: "0 9 * * *" },
  { label: "On weekdays", cron: "0 9 * * 1-5" },
  { label: "On Mondays", cron: "0 9 * * 1" },
  { label: "On the 1st", cron: "0 9 1 * *" },
] as const;

const whole = (text: string): number | null => (/^\d{1,2}$/.test(text) ? Number(text) : null);

/** `every day at 09:00`, `Monday to Friday at 09:00`; null for what has no simple words. */
export function cronWords(expression: string): string | null {
  const text = expression.trim().toLowerCase();
  const [minute, hour, date, month, day, ...more] = (SHORTHANDS[text] ?? text).split(/\s+/);
  if (!minute || !hour || !date || !month || !day || more.length > 0) return null;
  const when = dayWords(date, month, day);
  if (when === null) return null;
  const at = whole(minute);
  const everyDay = when === "every day";
  if (hour === "*" || hour === "*/1") {
    const step = /^\*\/(\d{1,2})$/.exec(minute)?.[1];
    const past = minute === "*" ? "every minute" : step ? `every ${step} min` : at === null ? null : hourly(at);
    return past && (everyDay ? past : `${past}, ${when}`);
  }
  if (at === null) return null;
  const hours = hour.split(",").map(whole);
  if (hours.some((each) => each === null)) return null;
  return `${when} at ${hours.map((each) => `${two(each ?? 0)}:${two(at)}`).join(", ")}`;
}

const two = (count: number): string => String(count).padStart(2, "0");
const hourly = (minute: number): string => (minute === 0 ? "every hour" : `every hour, ${minute} min past`);

function dayWords(date: string, month: string, day: string): string | null {
  if (month !== "*") {
    return null;
  }
  if (date === "*" && day === "*") return "every day";
  if (day === "*") {
    const of = whole(date);
    return of === null ? null : `on the ${of}${ordinal(of)} of the month`;
  }
  if (date !== "*") return null;
  const range = /^(\w+)-(\w+)$/.exec(day);
  if (range) {
    const [from, to] = [dayOf(range[1] ?? ""), dayOf(range[2] ?? "")];
    return from === null || to === null ? null : `${DAYS[from]} to ${DAYS[to]}`;
  }
  const days = day.split(",").map(dayOf);
  if (days.some((each) => each === null)) return null;
  return `${days.map((each) => DAYS[each ?? 0]).join(", ")}`;
}

function dayOf(text: string): number | null {
  const named = NAMES.indexOf(text);
  if (named !== -1) return named;
  const number = whole(text);
  return number !== null && number <= 7 ? number : null;
}

function ordinal(count: number): string {
  if (count > 3 && count < 21) return "th";
  return ["th", "st", "nd", "rd"][count % 10] ?? "th";
}
