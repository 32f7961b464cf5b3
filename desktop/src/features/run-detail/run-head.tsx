// How a run stands and what can be done about it, always in view.
import { Link } from "@tanstack/react-router";
import { Ban, ChevronLeft, CornerLeftUp, OctagonPause, PanelRight, Pause, Play } from "lucide-react";
import { useEffect, useState } from "react";
import type { Run } from "~/api/gen/schemas";
import { useRunOrders } from "~/features/runs/use-run-orders";
import { costNote, elapsed, restWords, runCost } from "~/features/runs/words";
import { idOf, versionLabel } from "~/shared/format/name";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Dialog } from "~/shared/ui/dialog";
import { hasEnded, RunStatus } from "~/shared/ui/status";
import { useNow, Wake } from "~/shared/ui/time";

interface RunHeadProps {
  run: Run;
  /** Whether the summary is shown where there is no room beside the timeline. */
  details: boolean;
  onDetails: () => void;
}

export function RunHead({ run, details, onDetails }: RunHeadProps) {
  const now = useNow();
  const orders = useRunOrders(run.name);
  const [cancelling, setCancelling] = useState(false);
  const title = run.title || "Untitled";
  const ended = hasEnded(run.state);
  const rest = restWords(run);
  const pending = run.pendingCommand !== "COMMAND_KIND_UNSPECIFIED";
  const pausing = run.pendingCommand === "COMMAND_KIND_PAUSE";
  const resumes = run.state === "RUN_STATE_PAUSED" || pausing;
  const toggle = () => orders.mutate({ order: resumes ? "resume" : "pause" });
  useKeys({ p: toggle }, !ended && !cancelling);
  useKeys({ i: onDetails }, !cancelling);
  useEffect(() => {
    document.title = `${title} · Mission Control`;
  }, [title]);

  return (
    <header className="flex min-h-12 shrink-0 flex-wrap items-center gap-x-4 gap-y-1 border-b py-1.5 pr-4 pl-2">
      <div className="flex min-w-0 items-center gap-1">
        <Link
          to="/runs"
          aria-label="All runs"
          className="grid size-7 shrink-0 place-items-center rounded-control text-muted hover:bg-hover hover:text-text"
        >
          <ChevronLeft aria-hidden className="size-4 stroke-[1.5]" />
        </Link>
        <h1 className="min-w-0 truncate font-semibold text-base">{title}</h1>
      </div>
      {run.parentRun ? (
        <Link
          to="/runs/$run"
          params={{ run: idOf(run.parentRun) }}
          title="The run that handed this work over"
          className="flex shrink-0 items-center gap-1 rounded-control text-muted text-xs hover:text-text [&_svg]:size-3.5 [&_svg]:stroke-[1.5]"
        >
          <CornerLeftUp aria-hidden />
          Handed over
        </Link>
      ) : null}
      <RunStatus run={run} />
      {rest ? (
        <span className="text-muted tabular-nums">
          {rest.short} <Wake time={run.wakeTime} />
        </span>
      ) : (
        <span className="text-muted tabular-nums">{elapsed(run, now)}</span>
      )}
      <span className="hidden text-muted sm:inline">
        {run.agentDisplayName} {versionLabel(run.agentVersion)}
      </span>
      <span className="text-muted tabular-nums" title={costNote(run)}>
        {runCost(run)}
      </span>
      <div className="ml-auto flex gap-2">
        {ended ? null : (
          <>
            <Button size="sm" hotkey="p" busy={orders.isPending} onClick={toggle}>
              {resumes ? <Play aria-hidden /> : <Pause aria-hidden />}
              {resumes ? (pending ? "Do not pause" : "Resume") : "Pause"}
            </Button>
            {pausing && run.state === "RUN_STATE_RUNNING" ? (
              <Button
                size="sm"
                busy={orders.isPending}
                title="Stops the model call that is under way; what it cost so far is paid, and it is asked again on resuming."
                onClick={() => orders.mutate({ order: "pause", interrupt: true })}
              >
                <OctagonPause aria-hidden />
                Pause now
              </Button>
            ) : null}
            <Button size="sm" look="danger" onClick={() => setCancelling(true)}>
              <Ban aria-hidden />
              Cancel
            </Button>
          </>
        )}
        <Button
          size="sm"
          hotkey="i"
          aria-expanded={details}
          aria-controls="run-summary"
          onClick={onDetails}
          className="xl:hidden"
        >
          <PanelRight aria-hidden />
          Details
        </Button>
      </div>
      {cancelling ? (
        <Dialog
          title={`Cancel "${title}"?`}
          description="The model call that is under way is stopped, and open questions become void. What it has done stays done; the run cannot be taken up again."
          onClose={() => setCancelling(false)}
        >
          <div className="flex justify-end gap-2">
            <Button onClick={() => setCancelling(false)}>Keep it running</Button>
            <Button
              look="destroy"
              onClick={() => {
                setCancelling(false);
                orders.mutate({ order: "cancel" });
              }}
            >
              Cancel the run
            </Button>
          </div>
        </Dialog>
      ) : null}
    </header>
  );
}
