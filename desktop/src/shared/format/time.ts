// Times and durations as people read them.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `now`, `12 s`, `9 min`, `3 h`, `2 d`; the older, the coarser. */
export function ago(then: string | number | Date, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - new Date(then).getTime()) / 1000));
  if (seconds < 5) return "now";
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h`;
  return `${Math.floor(seconds / DAY)} d`;
}

/** How far off a time is: `12 s`, `9 min`, `3 h 5 min`, `2 d 4 h`; `a moment` when it has come. */
export function until(then: string | number | Date, nowMs: number): string {
  const seconds = Math.ceil((new Date(then).getTime() - nowMs) / 1000);
  if (!(seconds > 0)) return "a moment";
  if (seconds < MINUTE) return `${seconds} s`;
  const minutes = Math.round(seconds / MINUTE);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${hours / 24} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `380 ms`, `12.4 s`, `6 min 31 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min ${whole % MINUTE} s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h ${Math.floor((whole % HOUR) / MINUTE)} min`;
  return `${Math.floor(whole / DAY)} d ${Math.floor((whole % DAY) / HOUR)} h`;
}

/** Milliseconds of a protobuf duration (`3.5s`). */
export const durationMs = (text: string): number => Number.parseFloat(text) * 1000;

/** Milliseconds between two times; up to now while the second is absent. */
export function spanMs(from: string | undefined, to: string | undefined, nowMs: number): number | null {
  if (!from) return null;
  return Math.max(0, (to ? Date.parse(to) : nowMs) - Date.parse(from));
}

/** `12:08:31` on this machine's clock. */
export const clock = (time: string): string =>
  new Date(time).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** `at 14:05` on the day of `from`, `on Tue 24 Nov at 14:05` on another; on this machine's clock. */
export function atWords(time: string | number | Date, from: string | number | Date = Date.now()): string {
  const at = new Date(time);
  const hour = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (at.toDateString() === new Date(from).toDateString()) return `at ${hour}`;
  const day = at.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" }).replace(",", "");
  return `on ${day} at ${hour}`;
}

/** The whole of a time, for hovering. */
export const absolute = (time: string | number | Date): string =>
  new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
