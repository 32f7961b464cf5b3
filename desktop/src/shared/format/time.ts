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

/** The whole of a time, for hovering. */
export const absolute = (time: string | number | Date): string =>
  new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
