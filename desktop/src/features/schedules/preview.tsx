// When an expression fires next, as the gateway reads it, and what the next change of the zone's clock does to it.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Clock4, TriangleAlert } from "lucide-react";
import { useMemo } from "react";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { ClockChange, PreviewFire } from "~/api/gen/schemas";
import { asProblem, type Problem } from "~/api/problem";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { until } from "~/shared/format/time";
import { isZone, localWords, localZone, nextShift } from "~/shared/format/zone";
import { cn } from "~/shared/ui/cn";
import { useNow } from "~/shared/ui/time";
import { useSettled } from "~/shared/ui/use-settled";
import { zoneWords } from "./words";

/** Fires that are shown. */
const SHOWN = 6;
/** What a clock that goes back repeats lies up to this long before it does, in ms. */
const BEFORE_SHIFT_MS = 3_600_000;
/** Fires around the change of a clock that are looked at. */
const AROUND_SHIFT = 50;

/** What the gateway says about an expression: its fires, or what is wrong with it. */
export interface Preview {
  readonly fires: readonly PreviewFire[];
  /** Those that the zone's next change of its clock moves, leaves out or repeats. */
  readonly shifted: readonly PreviewFire[];
  readonly problem: Problem | null;
  readonly pending: boolean;
  /** True while what is shown is of what was written before. */
  readonly stale: boolean;
}

export function usePreview(cron: string, timeZone: string): Preview {
  const transport = useTransport();
  const workspace = useWorkspace();
  const written = JSON.stringify([cron.trim(), timeZone.trim()]);
  const asked = useSettled(written);
  const [expression, zone] = useMemo(() => JSON.parse(asked) as [string, string], [asked]);
  const enabled = expression !== "" && zone !== "";
  const shift = useMemo(() => (isZone(zone) ? nextShift(zone, Date.now()) : null), [zone]);
  const read = (count: number, after?: number) => ({
    queryKey: [...keys.workspace(workspace), "preview", expression, zone, count, after ?? "now"],
    queryFn: ({ signal }: { signal: AbortSignal }) => {
      const afterTime = after === undefined ? {} : { afterTime: new Date(after).toISOString() };
      const body = { cron: expression, timeZone: zone, count, ...afterTime };
      return call(transport, operations.previewSchedule, { on: workspace, body, signal });
    },
    enabled,
    retry: false,
    staleTime: 30_000,
  });
  const next = useQuery({ ...read(SHOWN), placeholderData: keepPreviousData });
  const around = useQuery({
    ...read(AROUND_SHIFT, shift ? shift.at - BEFORE_SHIFT_MS : undefined),
    enabled: enabled && shift !== null && next.isSuccess,
  });
  const fires = next.data?.fires ?? [];
  const known = new Set(fires.map(({ fireTime }) => fireTime));
  return {
    fires,
    shifted: (around.data?.fires ?? []).filter(
      ({ clockChange, fireTime }) => clockChange !== "CLOCK_CHANGE_UNSPECIFIED" && !known.has(fireTime),
    ),
    problem: next.error ? asProblem(next.error) : null,
    pending: next.isPending && enabled,
    stale: next.isPlaceholderData || asked !== written,
  };
}

export function PreviewList({ preview, timeZone }: { preview: Preview; timeZone: string }) {
  const { fires, shifted, problem, pending, stale } = preview;
  const elsewhere = timeZone.trim() !== localZone();
  const faulty = problem !== null && problem.violations.length > 0;
  return (
    <section
      aria-label="Next fires"
      aria-busy={pending || stale}
      className={cn("min-h-[13.5rem] rounded-panel border bg-raised p-3 transition-opacity", stale && "opacity-60")}
    >
      <h2 className="mb-2 flex items-baseline justify-between gap-3 text-muted text-xs">
        <span>Next fires, on the clock of {zoneWords(timeZone) || "the zone"}</span>
        {elsewhere ? <span>here</span> : null}
      </h2>
      {problem ? (
        <p className="text-muted">{faulty ? "As soon as it can be read." : problem.detail}</p>
      ) : fires.length === 0 ? (
        <p className="text-muted">{pending ? "Reading the clock..." : "Write when, and it is shown here."}</p>
      ) : (
        <ol className="space-y-1 tabular-nums">
          {fires.map((fire) => (
            <Fire key={fire.fireTime} fire={fire} elsewhere={elsewhere} />
          ))}
        </ol>
      )}
      {!problem && shifted.length > 0 ? (
        <>
          <h3 className="mt-3 mb-1 text-muted text-xs">When the clocks change next</h3>
          <ol className="space-y-1 tabular-nums">
            {shifted.slice(0, 2).map((fire) => (
              <Fire key={fire.fireTime} fire={fire} elsewhere={elsewhere} />
            ))}
          </ol>
        </>
      ) : null}
    </section>
  );
}

function Fire({ fire, elsewhere }: { fire: PreviewFire; elsewhere: boolean }) {
  const now = useNow();
  const note = changeWords(fire);
  const at = fire.fireTime ? Date.parse(fire.fireTime) : null;
  return (
    <li>
      <div className="flex items-center gap-2">
        {note ? (
          <TriangleAlert aria-hidden className="size-3.5 shrink-0 stroke-[1.5] text-need-text" />
        ) : (
          <Clock4 aria-hidden className="size-3.5 shrink-0 stroke-[1.5] text-faint" />
        )}
        <time dateTime={fire.fireTime} className="shrink-0">
          {localWords(fire.localTime)}
        </time>
        <span className="truncate text-faint text-xs">{at === null ? "" : `in ${until(at, now)}`}</span>
        {elsewhere && at !== null ? <span className="ml-auto shrink-0 text-muted text-xs">{hereWords(at)}</span> : null}
      </div>
      {note ? <p className="pl-[22px] text-pretty text-need-text text-xs">{note}</p> : null}
    </li>
  );
}

const hereWords = (at: number): string =>
  new Date(at).toLocaleString("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });

const clockOf = (local: string): string => local.slice(11, 16);

const CHANGES: Partial<Record<ClockChange, (fire: PreviewFire) => string>> = {
  CLOCK_CHANGE_MOVED: (fire) =>
    `The clocks go forward: ${clockOf(fire.scheduledLocalTime)} does not exist on that day, so it fires at ${clockOf(fire.localTime)}.`,
  CLOCK_CHANGE_FIRST_OF_TWO: (fire) =>
    `The clocks go back: ${clockOf(fire.localTime)} comes twice on that day, and it fires the first time alone.`,
  CLOCK_CHANGE_REPEATED: (fire) =>
    `The clocks go back: ${clockOf(fire.localTime)} comes for the second time on that day, and it fires again.`,
};

/** What a change of the clock does to a fire; empty when it does nothing. */
export function changeWords(fire: PreviewFire): string {
  if (fire.clockChange === "CLOCK_CHANGE_UNSPECIFIED") return "";
  return CHANGES[fire.clockChange]?.(fire) ?? "The clocks change, in a way that this version does not know.";
}
