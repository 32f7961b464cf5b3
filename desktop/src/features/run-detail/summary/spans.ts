// Where a run's time went: its model, its tools, waiting for people, a time or others, standing still.
import type { Entry, Timeline } from "../journal/entries";

export type Doing = "model" | "tool" | "waiting" | "resting" | "paused";

/** From and to, in ms since 1970; to infinity while it is under way. */
export interface Span {
  readonly doing: Doing;
  readonly from: number;
  readonly to: number;
}

/** A piece of the strip; shares of its width, from 0 to 1. */
export interface Segment {
  readonly doing: Doing | "idle";
  readonly from: number;
  readonly to: number;
}

const at = (time: string | undefined): number => (time ? Date.parse(time) : Number.NaN);

/** What of an entry took time. Entries never change, so each is read once. */
const known = new WeakMap<Entry, readonly Span[]>();

function spansOf(entry: Entry): readonly Span[] {
  const before = known.get(entry);
  if (before) return before;
  const found: Span[] = [];
  const add = (doing: Doing, from: number, to: number) => {
    const end = Number.isNaN(to) ? Number.POSITIVE_INFINITY : to;
    if (end > from) found.push({ doing, from, to: end });
  };
  if (entry.kind === "model") {
    add("model", at(entry.time), at(entry.endTime));
    // While its provider takes no calls a run rests, off its own time.
    if (entry.error?.reason === "PROVIDER_RATE_LIMITED" && entry.retryTime) {
      add("resting", at(entry.endTime), at(entry.retryTime));
    }
  } else if (entry.kind === "call" && entry.timer) add("resting", at(entry.time), at(entry.endTime));
  else if (entry.kind === "call") {
    // A call waits for people between each question and its answer, and is at work after the last.
    let free = at(entry.time);
    for (const ask of entry.asks) {
      const decided = ask.decision ? at(ask.decision.time) : at(entry.endTime);
      add("waiting", at(ask.time), decided);
      free = decided;
    }
    const doing = entry.children.length > 0 ? "resting" : "tool";
    if (entry.state !== "asked" && !Number.isNaN(free)) add(doing, free, at(entry.endTime));
  }
  known.set(entry, found);
  return found;
}

/** What the run did when. What is under way has no end. */
export function spans({ entries }: Pick<Timeline, "entries">): Span[] {
  const found: Span[] = [];
  let pausedAt = Number.NaN;
  const goesOn = (time: string | undefined) => {
    if (!Number.isNaN(pausedAt)) found.push({ doing: "paused", from: pausedAt, to: at(time) });
    pausedAt = Number.NaN;
  };
  for (const entry of entries) {
    for (const span of spansOf(entry)) found.push(span);
    if (entry.kind === "end") goesOn(entry.time);
    if (entry.kind !== "order" || entry.state !== "effective") continue;
    if (entry.order === "COMMAND_KIND_PAUSE") pausedAt = at(entry.effectTime);
    else if (entry.order === "COMMAND_KIND_RESUME") goesOn(entry.effectTime);
  }
  if (!Number.isNaN(pausedAt)) found.push({ doing: "paused", from: pausedAt, to: Number.POSITIVE_INFINITY });
  return found;
}

const ORDER: readonly Doing[] = ["model", "tool", "waiting", "resting", "paused"];

/** Cuts the time from `from` to `to` into at most `pieces`; each is what took most of it. */
export function segments(all: readonly Span[], from: number, to: number, pieces = 240): Segment[] {
  const width = (to - from) / pieces;
  if (!(width > 0)) return [];
  const shares = ORDER.map(() => new Float64Array(pieces));
  for (const span of all) {
    const share = shares[ORDER.indexOf(span.doing)];
    const first = Math.max(0, Math.floor((span.from - from) / width));
    const last = Math.min(pieces - 1, Math.floor((span.to - from) / width));
    for (let piece = first; share && piece <= last; piece += 1) {
      const begins = from + piece * width;
      share[piece] = (share[piece] ?? 0) + Math.min(span.to, begins + width) - Math.max(span.from, begins);
    }
  }
  const found: Segment[] = [];
  for (let piece = 0; piece < pieces; piece += 1) {
    const doing = most(shares, piece);
    const last = found.at(-1);
    const end = (piece + 1) / pieces;
    if (last?.doing === doing) found[found.length - 1] = { ...last, to: end };
    else found.push({ doing, from: piece / pieces, to: end });
  }
  return found;
}

function most(shares: readonly Float64Array[], piece: number): Segment["doing"] {
  let best: Segment["doing"] = "idle";
  let longest = 0;
  shares.forEach((share, index) => {
    const took = share[piece] ?? 0;
    if (took > longest) [best, longest] = [ORDER[index] ?? "idle", took];
  });
  return best;
}

/** Time until `nowMs` that some of these spans cover, in ms; what overlaps counts once. */
export function covered(all: readonly Span[], doing: readonly Doing[], nowMs: number): number {
  let sum = 0;
  let until = Number.NEGATIVE_INFINITY;
  for (const { from, to } of all.filter((span) => doing.includes(span.doing)).sort((a, b) => a.from - b.from)) {
    const end = Math.min(to, nowMs);
    sum += Math.max(0, end - Math.max(from, until));
    until = Math.max(until, end);
  }
  return sum;
}
