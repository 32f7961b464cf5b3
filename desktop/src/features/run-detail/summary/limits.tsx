// How much of what a run may use is used.
import { useQuery } from "@tanstack/react-query";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { Run } from "~/api/gen/schemas";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { short } from "~/shared/format/count";
import { usd } from "~/shared/format/money";
import { agentOf } from "~/shared/format/name";
import { duration, durationMs } from "~/shared/format/time";
import { cn } from "~/shared/ui/cn";

/** What holds where an agent's version says nothing; the contract's own numbers. */
const DEFAULT_STEPS = 100;
const DEFAULT_DURATION_MS = 24 * 3_600_000;
/** Share from which a limit is called near. */
const NEAR = 0.8;

export function Limits({ run, workedMs }: { run: Run; workedMs: number }) {
  const transport = useTransport();
  const version = useQuery({
    queryKey: [...keys.agent(agentOf(run.agentVersion)), "version", run.agentVersion],
    queryFn: ({ signal }) => call(transport, operations.getAgentVersion, { on: run.agentVersion, signal }),
    staleTime: Number.POSITIVE_INFINITY,
    enabled: run.agentVersion !== "",
  });
  if (!version.data) return null;
  const limits = version.data.agentVersion.spec?.limits;
  const mostSteps = limits?.maxSteps ?? DEFAULT_STEPS;
  const mostMs = limits?.maxDuration ? durationMs(limits.maxDuration) : DEFAULT_DURATION_MS;
  const mostTokens = limits?.maxTokens === undefined ? null : Number(limits.maxTokens);
  const tokens = Number(run.totalTokens);
  const mostNano = limits?.maxCostNanoUsd === undefined ? null : Number(limits.maxCostNanoUsd);
  const spent = usd(run.costNanoUsd, { estimated: run.estimatedCostNanoUsd !== "0" });
  return (
    <div className="space-y-2.5">
      <Meter name="Model calls" used={run.steps} most={mostSteps} words={`${run.steps} of ${mostSteps}`} />
      <Meter
        name="Time at work"
        used={workedMs}
        most={mostMs}
        words={`${duration(workedMs)} of ${duration(mostMs).replace(/ 0 \w+$/, "")}`}
      />
      {mostTokens === null ? null : (
        <Meter name="Tokens" used={tokens} most={mostTokens} words={`${short(tokens)} of ${short(mostTokens)}`} />
      )}
      {mostNano === null ? null : (
        <Meter name="Cost" used={Number(run.costNanoUsd)} most={mostNano} words={`${spent} of ${usd(mostNano)}`} />
      )}
    </div>
  );
}

function Meter({ name, used, most, words }: { name: string; used: number; most: number; words: string }) {
  const share = Math.min(1, used / most);
  const near = share >= NEAR;
  return (
    <div>
      <p className="mb-1 flex justify-between gap-2 text-xs">
        <span className="text-muted">{name}</span>
        <span className={cn("tabular-nums", near ? "text-need-text" : "text-muted")}>
          {words}
          {near ? ", nearly used up" : ""}
        </span>
      </p>
      <meter className="sr-only" aria-label={name} min={0} max={most} value={Math.min(used, most)}>
        {words}
      </meter>
      <div aria-hidden className="h-1 overflow-hidden rounded-full bg-press">
        <div
          className={cn("h-full rounded-full", near ? "bg-need" : "bg-accent")}
          style={{ width: `${Math.max(share * 100, used > 0 ? 1.5 : 0)}%` }}
        />
      </div>
    </div>
  );
}
