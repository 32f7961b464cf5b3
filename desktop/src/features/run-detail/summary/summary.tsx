// A run at a glance: what it cost, what it used, who is at it, how near its limits it is, and what it has written.
import { Link } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";
import type { Run } from "~/api/gen/schemas";
import { costNote, elapsed, runCost } from "~/features/runs/words";
import { plural, short } from "~/shared/format/count";
import { agentOf, idOf, versionLabel } from "~/shared/format/name";
import { duration } from "~/shared/format/time";
import { cn } from "~/shared/ui/cn";
import { Fact, Facts } from "~/shared/ui/screen";
import { hasEnded } from "~/shared/ui/status";
import { Since, useNow } from "~/shared/ui/time";
import type { Timeline } from "../journal/entries";
import { CopyButton } from "../text/copy-button";
import { Artifacts } from "./artifacts";
import { Export } from "./export";
import { Limits } from "./limits";
import { covered, type Span } from "./spans";

/** Less than this, in ms, is not told apart. */
const WORTH_SAYING_MS = 500;

interface SummaryProps {
  run: Run;
  timeline: Timeline;
  times: readonly Span[];
  /** Shown over the timeline where there is no room beside it. */
  over: boolean;
}

export function Summary({ run, timeline, times, over }: SummaryProps) {
  const second = useNow();
  const now = run.endTime ? Date.parse(run.endTime) : second;
  const time = useMemo(() => {
    return {
      model: covered(times, ["model"], now),
      tool: covered(times, ["tool"], now),
      waiting: covered(times, ["waiting"], now),
      resting: covered(times, ["resting"], now),
      still: covered(times, ["waiting", "resting", "paused"], now),
    };
  }, [times, now]);
  const counts = useMemo(() => countsOf(timeline), [timeline]);
  const started = run.startTime ? Date.parse(run.startTime) : now;
  const note = costNote(run);
  const parts = (
    [
      ["model", time.model],
      ["tools", time.tool],
      ["waiting for people", time.waiting],
      ["waiting for a time or teammates", time.resting],
    ] as const
  ).filter(([what, ms]) => what === "model" || ms >= WORTH_SAYING_MS);
  return (
    <aside
      id="run-summary"
      aria-label="Summary"
      className={cn(
        "w-[292px] shrink-0 space-y-5 overflow-auto border-l bg-raised p-4 xl:static xl:block xl:shadow-none",
        over ? "absolute inset-y-0 right-0 z-10 animate-rise shadow-overlay" : "hidden",
      )}
    >
      <div>
        <p className="text-muted text-xs">Cost</p>
        <p className="font-semibold text-2xl tabular-nums">{runCost(run)}</p>
        {note ? <p className="mt-1 text-pretty text-muted text-xs">{note}</p> : null}
        {counts.secondCharges > 0 ? (
          <p className="mt-1 text-pretty text-need-text text-xs">
            {plural(counts.secondCharges, "step")} paid for more than once, because an answer was cut.
          </p>
        ) : null}
      </div>
      <Facts>
        <Fact name={hasEnded(run.state) ? "Took" : run.startTime ? "At it for" : "Queued for"}>
          <Figure>{elapsed(run, now)}</Figure>
        </Fact>
        <Fact name="Of which">
          <span className="text-muted tabular-nums">
            {parts.map(([what, ms], index) => (
              <span key={what}>
                {index > 0 ? ", " : ""}
                {what} <span className="whitespace-nowrap">{duration(ms)}</span>
              </span>
            ))}
          </span>
        </Fact>
        <Fact name="Tokens">
          <Figure>{short(Number(run.totalTokens))}</Figure>
        </Fact>
        <Fact name="Tool calls">
          <Figure>
            {counts.calls.toLocaleString("en")}
            {counts.failed > 0 ? <span className="text-muted">, {counts.failed} failed</span> : null}
          </Figure>
        </Fact>
        <Fact name="Workers">
          <Figure>
            {counts.workers.toLocaleString("en")}
            {timeline.lost > 0 ? (
              <span className="text-need-text">
                , {timeline.lost === 1 ? "one was lost" : `${timeline.lost} were lost`}
              </span>
            ) : null}
          </Figure>
        </Fact>
        <Fact name="Agent">
          <Link to="/team/$agent" params={{ agent: idOf(agentOf(run.agentVersion)) }} className="hover:underline">
            {run.agentDisplayName || "An agent"} <span className="text-muted">{versionLabel(run.agentVersion)}</span>
          </Link>
        </Fact>
        <Fact name="Model">
          <span className="font-mono text-xs">{run.model || "unknown"}</span>
        </Fact>
        <Fact name="Task">
          <Link to="/tasks" search={{ task: idOf(run.task) }} className="hover:underline">
            {run.title || "Untitled"}
          </Link>
        </Fact>
        <Fact name="Queued">
          <Since time={run.createTime} />
        </Fact>
      </Facts>
      <Section name="Limits">
        <Limits run={run} workedMs={Math.max(0, now - started - time.still)} />
      </Section>
      {counts.written > 0 ? (
        <Section name="Files">
          <Artifacts run={run.name} written={counts.written} />
        </Section>
      ) : null}
      <Export run={run} />
      <p className="flex items-center gap-1 font-mono text-[11px] text-faint">
        <span className="min-w-0 truncate">{idOf(run.name)}</span>
        <CopyButton label="Copy the run's name" text={run.name} />
      </p>
    </aside>
  );
}

const Figure = ({ children }: { children: ReactNode }) => <span className="tabular-nums">{children}</span>;

function Section({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <h2 className="mb-2 font-medium text-xs">{name}</h2>
      {children}
    </div>
  );
}

/** Counted from the journal: tool calls, workers, files, and steps that are paid for more than once. */
function countsOf({ entries }: Timeline) {
  const found = { calls: 0, failed: 0, workers: 0, written: 0, secondCharges: 0 };
  for (const entry of entries) {
    if (entry.kind === "worker") found.workers += 1;
    else if (entry.kind === "model" && entry.chargedBefore === 1) found.secondCharges += 1;
    else if (entry.kind === "call" && entry.question === null) {
      found.calls += 1;
      if (entry.state === "failed") found.failed += 1;
      if (entry.artifact !== "") found.written += 1;
    }
  }
  return found;
}
