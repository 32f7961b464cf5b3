// Where the time went, as a strip as wide as the run is long; pressing it jumps there. The timeline has the same for keys and ears.
import { useMemo } from "react";
import { duration } from "~/shared/format/time";
import { cn } from "~/shared/ui/cn";
import { useNow } from "~/shared/ui/time";
import type { Timeline } from "../journal/entries";
import { type Segment, type Span, segments } from "./spans";

const LOOKS: Record<Segment["doing"], string> = {
  model: "bg-accent",
  tool: "bg-good",
  waiting: "bg-need [background-image:repeating-linear-gradient(135deg,transparent_0_3px,var(--color-bg)_3px_5px)]",
  resting:
    "bg-accent-soft [background-image:repeating-linear-gradient(135deg,transparent_0_3px,var(--color-edge)_3px_4px)]",
  paused: "bg-edge [background-image:repeating-linear-gradient(90deg,transparent_0_3px,var(--color-bg)_3px_6px)]",
  idle: "bg-line",
};

const WORDS: Record<Segment["doing"], string> = {
  model: "model",
  tool: "tools",
  waiting: "waiting for a person",
  resting: "waiting for a time or teammates",
  paused: "paused",
  idle: "between",
};

interface StripProps {
  timeline: Timeline;
  times: readonly Span[];
  /** Shows the entry at this time. */
  onJump: (id: string) => void;
}

export function Strip({ timeline, times, onJump }: StripProps) {
  const { entries, end } = timeline;
  const second = useNow();
  const from = Date.parse(entries[0]?.time ?? "");
  const to = end?.time ? Date.parse(end.time) : Math.max(second, Date.parse(entries.at(-1)?.time ?? ""));
  const pieces = useMemo(() => segments(times, from, to), [times, from, to]);
  if (pieces.length === 0) return null;
  const jump = (share: number) => {
    const time = from + (to - from) * share;
    const entry = entries.findLast((each) => each.time !== undefined && Date.parse(each.time) <= time) ?? entries[0];
    if (entry) onJump(entry.id);
  };
  return (
    <div aria-hidden className="flex h-5 shrink-0 items-center border-b bg-bg px-4">
      <div className="flex h-2 flex-1 overflow-hidden rounded-full">
        {pieces.map((piece) => (
          <button
            key={piece.from}
            type="button"
            tabIndex={-1}
            title={`${WORDS[piece.doing]}, ${duration((piece.to - piece.from) * (to - from))}`}
            onClick={() => jump(piece.from + (piece.to - piece.from) / 2)}
            style={{ flexGrow: piece.to - piece.from }}
            className={cn("h-full basis-0 hover:brightness-125", LOOKS[piece.doing])}
          />
        ))}
      </div>
    </div>
  );
}
