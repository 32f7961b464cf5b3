// Time zones: this machine's, all of them, and when one of them next changes its clock.

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** The zone of this machine, as IANA names it. */
export const localZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

let known: readonly string[] | null = null;

/** Every zone that this machine knows, `UTC` first. */
export function zones(): readonly string[] {
  known ??= ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")];
  return known;
}

const formats = new Map<string, Intl.DateTimeFormat | null>();

/** Null for what is no zone. */
function formatOf(zone: string): Intl.DateTimeFormat | null {
  const before = formats.get(zone);
  if (before !== undefined) return before;
  let format: Intl.DateTimeFormat | null = null;
  try {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    });
  } catch {
    // No zone of this name; the gateway may know more, and decides.
  }
  formats.set(zone, format);
  return format;
}

export const isZone = (zone: string): boolean => zone !== "" && formatOf(zone) !== null;

/** What a zone's clock is ahead of UTC at a time, in minutes; null for what is no zone. */
export function offsetMinutes(zone: string, timeMs: number): number | null {
  const format = formatOf(zone);
  if (!format) return null;
  const part = Object.fromEntries(format.formatToParts(timeMs).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  const local = Date.UTC(year, month - 1, day, hour, minute, second);
  return Math.round((local - Math.floor(timeMs / 1000) * 1000) / MINUTE_MS);
}

/** A change of a zone's clock. */
export interface ClockShift {
  /** The moment of it, in ms since 1970. */
  readonly at: number;
  /** Minutes that the clock jumps ahead; less than nothing when it goes back. */
  readonly minutes: number;
}

/** The first change of `zone`'s clock after `fromMs`, looking a year ahead; null if there is none. */
export function nextShift(zone: string, fromMs: number): ClockShift | null {
  const step = 24 * HOUR_MS;
  let before = offsetMinutes(zone, fromMs);
  if (before === null) return null;
  for (let at = fromMs; at < fromMs + 370 * step; at += step) {
    const after = offsetMinutes(zone, at + step);
    if (after === null) return null;
    if (after !== before) {
      let [low, high] = [at, at + step];
      while (high - low > MINUTE_MS) {
        const middle = (low + high) / 2;
        if (offsetMinutes(zone, middle) === before) low = middle;
        else high = middle;
      }
      return { at: Math.round(high / MINUTE_MS) * MINUTE_MS, minutes: after - before };
    }
    before = after;
  }
  return null;
}

/** The moment that a zone's clock shows `local` (`2026-03-29T09:00`); the first of two, and behind a gap what is in it. */
export function instantOf(local: string, zone: string): number | null {
  const wall = Date.parse(`${local}Z`);
  if (Number.isNaN(wall)) return null;
  const early = offsetMinutes(zone, wall - 24 * HOUR_MS);
  const late = offsetMinutes(zone, wall + 24 * HOUR_MS);
  if (early === null || late === null) return null;
  for (const offset of [early, late]) {
    const at = wall - offset * MINUTE_MS;
    if (offsetMinutes(zone, at) === offset) return at;
  }
  return wall - early * MINUTE_MS;
}

/** What a zone's clock shows at a time, as a date and time control takes it: `2026-03-29T09:00`. */
export function localOf(timeMs: number, zone: string): string {
  const offset = offsetMinutes(zone, timeMs) ?? 0;
  return new Date(timeMs + offset * MINUTE_MS).toISOString().slice(0, 16);
}

/** `Mon 30 Mar 2026, 09:00` of a local time that is written as RFC 3339, whatever its offset. */
export function localWords(local: string): string {
  const wall = new Date(`${local.slice(0, 19)}Z`);
  if (Number.isNaN(wall.getTime())) return local;
  return wall.toLocaleString("en-GB", {
    timeZone: "UTC",
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  });
}
