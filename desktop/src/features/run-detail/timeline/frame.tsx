// The frame of an entry: when, a glyph on the rail, what, and what it took.
import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import { absolute, clock } from "~/shared/format/time";
import { cn } from "~/shared/ui/cn";

/** Colours of glyphs; each comes with a shape and a word. */
export type Tone = "quiet" | "accent" | "need" | "good" | "bad";

const TONES: Record<Tone, string> = {
  quiet: "text-muted ring-line bg-bg",
  accent: "text-accent-text ring-accent/40 bg-accent-soft",
  need: "text-need-text ring-need/50 bg-need-soft",
  good: "text-good-text ring-good/40 bg-good-soft",
  bad: "text-bad-text ring-bad/40 bg-bad-soft",
};

/** What an entry took, in columns that line up. */
export interface Measures {
  tokens?: ReactNode;
  cost?: ReactNode;
  took?: ReactNode;
}

interface FrameProps {
  time: string | undefined;
  glyph: ReactNode;
  tone: Tone;
  headline: ReactNode;
  measures?: Measures;
  /** Beneath the headline, indented with it. */
  children?: ReactNode;
  /** True where a new step begins. */
  begins?: boolean;
  /** True for what belongs to the step above. */
  inner?: boolean;
  /** Opens and closes what there is more to see; absent where there is not. */
  toggle?: { open: boolean; onToggle: () => void } | undefined;
}

export function Frame(props: FrameProps) {
  const { time, glyph, tone, headline, measures, children, begins = false, inner = false, toggle } = props;
  return (
    <div
      className={cn(
        "grid grid-cols-[4.25rem_1.75rem_minmax(0,1fr)] gap-x-2 px-4 py-[5px]",
        begins && "border-t pt-3 mt-1",
      )}
    >
      <time
        dateTime={time}
        title={time ? absolute(time) : undefined}
        className="pt-[3px] font-mono text-[11px] text-faint tabular-nums"
      >
        {time ? clock(time) : ""}
      </time>
      <span aria-hidden className="relative flex justify-center">
        <span className="absolute -top-[5px] -bottom-[5px] w-px bg-line" />
        <span
          className={cn(
            "relative mt-px grid place-items-center rounded-full ring-1 [&_svg]:stroke-[1.5]",
            inner ? "size-5 [&_svg]:size-3" : "size-6 [&_svg]:size-3.5",
            TONES[tone],
          )}
        >
          {glyph}
        </span>
      </span>
      <div className="min-w-0">
        <div className="flex min-h-6 items-center gap-2">
          <div className="flex min-w-0 flex-1 items-center gap-2">
            {toggle ? (
              <button
                type="button"
                aria-expanded={toggle.open}
                onClick={toggle.onToggle}
                className="-ml-1 flex min-w-0 items-center gap-1.5 rounded-control px-1 text-left"
              >
                <span className="flex min-w-0 items-baseline gap-2">{headline}</span>
                <ChevronRight
                  aria-hidden
                  className={cn(
                    "size-3.5 shrink-0 stroke-[1.5] text-faint transition-transform duration-[120ms]",
                    toggle.open && "rotate-90",
                  )}
                />
              </button>
            ) : (
              <span className="flex min-w-0 items-baseline gap-2">{headline}</span>
            )}
          </div>
          <Columns {...measures} />
        </div>
        {children}
      </div>
    </div>
  );
}

function Columns({ tokens, cost, took }: Measures) {
  return (
    <span className="flex shrink-0 items-baseline gap-3 text-right font-mono text-[11px] text-muted tabular-nums">
      <span className="hidden w-28 md:block">{tokens}</span>
      <span className="w-[4.5rem]">{cost}</span>
      <span className="w-[4.5rem]">{took}</span>
    </span>
  );
}
