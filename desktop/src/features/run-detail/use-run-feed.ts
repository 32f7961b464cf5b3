// A run's journal as it grows, and the text of the model call that is under way.
import { useEffect, useState } from "react";
import { RunEvent } from "~/api/gen/schemas";
import type { Problem } from "~/api/problem";
import { useTransport } from "~/app/transport";
import type { TopicFrame } from "~/transport/types";
import { LiveText } from "./live-text";

/** An event of a kind that this build does not know: kept and shown as such. */
export interface UnreadableEvent {
  readonly seq: string;
  readonly unreadable: unknown;
}

export type FeedEvent = RunEvent | UnreadableEvent;

export interface RunFeed {
  /** In order of `seq`, without a gap. */
  readonly events: readonly FeedEvent[];
  /** What the model says at the moment, and what it thinks. */
  readonly live: LiveText;
  /** True when everything that was stored has arrived. */
  readonly caughtUp: boolean;
  /** True when the run is over. */
  readonly ended: boolean;
  /** Why the journal cannot be followed at the moment. */
  readonly problem: Problem | null;
}

const EMPTY: RunFeed = { events: [], live: LiveText.none, caughtUp: false, ended: false, problem: null };

/** Reads an event of the wire; what does not fit is kept as it came. */
export function readEvent(event: unknown, cursor: string): FeedEvent {
  const parsed = RunEvent.safeParse(event);
  return parsed.success ? parsed.data : { seq: cursor, unreadable: event };
}

/** The feed after some frames. Pure, so that it can be tested without a socket. */
export function advance(feed: RunFeed, batch: readonly TopicFrame[]): RunFeed {
  const fresh: FeedEvent[] = [];
  let { live, caughtUp } = feed;
  for (const frame of batch) {
    if (frame.type === "event") {
      const event = readEvent(frame.event, frame.cursor);
      fresh.push(event);
      live = live.after(event);
    } else if (frame.type === "caughtUp") caughtUp = true;
    else live = live.with(frame);
  }
  const events = fresh.length === 0 ? feed.events : [...feed.events, ...fresh];
  return { events, live, caughtUp, ended: feed.ended, problem: null };
}

/** Follows `run` from its beginning. */
export function useRunFeed(run: string): RunFeed {
  const transport = useTransport();
  const [feed, setFeed] = useState(EMPTY);
  useEffect(() => {
    setFeed(EMPTY);
    const watch = transport.watch(run, null, {
      frames: (batch) => setFeed((now) => advance(now, batch)),
      end: () => setFeed((now) => ({ ...now, live: LiveText.none, caughtUp: true, ended: true, problem: null })),
      problem: (problem) => setFeed((now) => ({ ...now, problem })),
    });
    return () => watch.close();
  }, [transport, run]);
  return feed;
}
