// The journal, one line per event, the newest at the end and in view unless somebody reads further up.
import { useEffect, useRef } from "react";
import { clock } from "~/shared/format/time";
import { cn } from "~/shared/ui/cn";
import { type EventWords, eventWords } from "./event-words";
import type { FeedEvent, RunFeed } from "./use-run-feed";

const WHO: Record<EventWords["who"], string> = {
  run: "run",
  model: "model",
  tool: "tool",
  asks: "asks",
  person: "person",
  unknown: "unknown",
};

const RULES: Record<EventWords["who"], string> = {
  run: "border-l-line",
  model: "border-l-accent",
  tool: "border-l-edge",
  asks: "border-l-need",
  person: "border-l-good",
  unknown: "border-l-line",
};

/** Closer to the end than this, in px, counts as reading along. */
const NEAR_END = 48;

export function EventList({ feed }: { feed: RunFeed }) {
  const scroller = useRef<HTMLDivElement>(null);
  const alongside = useRef(true);
  const last = feed.events.length;
  const { live } = feed;
  const liveBytes = live.text.length;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is new is why it scrolls
  useEffect(() => {
    const element = scroller.current;
    if (element && alongside.current) element.scrollTop = element.scrollHeight;
  }, [last, liveBytes]);

  return (
    <div
      ref={scroller}
      className="min-h-0 flex-1 overflow-auto py-2"
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        alongside.current = scrollHeight - scrollTop - clientHeight < NEAR_END;
      }}
    >
      <div role="log" aria-label="Journal" aria-live="off">
        <ol>
          {feed.events.map((event) => (
            <Line key={event.seq} event={event} />
          ))}
          {live.text || live.thinking ? (
            <li className="flex gap-3 border-l-2 border-l-accent px-4 py-1.5">
              <span className="w-16 shrink-0" />
              <span className="w-14 shrink-0 text-accent-text">model</span>
              <span className="min-w-0 flex-1 whitespace-pre-wrap break-words">
                {live.text || <span className="text-muted italic">{live.thinking}</span>}
                <span
                  aria-hidden
                  className="ml-0.5 inline-block h-3.5 w-1.5 animate-breathe bg-accent align-text-bottom"
                />
              </span>
            </li>
          ) : null}
        </ol>
      </div>
      {feed.caughtUp && last === 0 ? (
        <p className="px-4 py-8 text-center text-muted">Waiting for the first event.</p>
      ) : null}
    </div>
  );
}

function Line({ event }: { event: FeedEvent }) {
  const { who, what, aside, bad } = eventWords(event);
  const time = "createTime" in event && typeof event.createTime === "string" ? event.createTime : undefined;
  return (
    <li className={cn("flex gap-3 border-l-2 px-4 py-1.5 hover:bg-hover", RULES[who])}>
      <time dateTime={time} className="w-16 shrink-0 text-faint tabular-nums">
        {time ? clock(time) : ""}
      </time>
      <span className="w-14 shrink-0 text-muted">{WHO[who]}</span>
      <span className={cn("line-clamp-4 min-w-0 flex-1 whitespace-pre-wrap break-words", bad && "text-bad-text")}>
        {what}
      </span>
      {aside ? <span className="max-w-[30%] shrink-0 truncate text-right text-muted tabular-nums">{aside}</span> : null}
    </li>
  );
}
