// Reads records of a journal from the wire; what this build cannot read is kept as unreadable, never dropped.
import { z } from "zod";
import { RunEvent } from "~/api/gen/schemas";

/** A record that does not fit the contract of this build. */
export interface UnreadableEvent {
  readonly seq: string;
  readonly createTime?: string | undefined;
  readonly unreadable: true;
}

export type FeedEvent = RunEvent | UnreadableEvent;

const Bare = z.object({ seq: z.union([z.string(), z.number()]), createTime: z.string().optional() });

/** Reads a record. Without a number of its own it is taken to be the one at `place`, because feeds come in order. */
export function readEvent(event: unknown, place: number): FeedEvent {
  const parsed = RunEvent.safeParse(event);
  if (parsed.success) return parsed.data;
  const bare = Bare.safeParse(event);
  return bare.success
    ? { seq: String(bare.data.seq), createTime: bare.data.createTime, unreadable: true }
    : { seq: String(place), unreadable: true };
}

/** What a record has besides its kind. */
const apart = new Set(["seq", "createTime", "wholeArtifact"]);

/** The name of a record's kind: `modelCallStarted`; empty when it has none. */
export const kindOf = (event: FeedEvent): string =>
  "unreadable" in event ? "" : (Object.keys(event).find((key) => !apart.has(key) && event[key] !== undefined) ?? "");
