// One run: how it stands, what can be done about it, and its journal as it grows.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Ban, Pause, Play } from "lucide-react";
import { useEffect, useState } from "react";
import type { Run } from "~/api/gen/schemas";
import { runQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import { useWorkspace } from "~/app/workspace/workspace";
import { useRunOrders } from "~/features/runs/use-run-orders";
import { costNote, elapsed, runCost } from "~/features/runs/words";
import { versionLabel } from "~/shared/format/name";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Dialog } from "~/shared/ui/dialog";
import { ProblemNote } from "~/shared/ui/problem-note";
import { RowsLoading } from "~/shared/ui/screen";
import { hasEnded, RunStatus } from "~/shared/ui/status";
import { useNow } from "~/shared/ui/time";
import { EventList } from "./event-list";
import { useRunFeed } from "./use-run-feed";

/** The screen of the run with this id. */
export function RunDetail({ id }: { id: string }) {
  const name = `${useWorkspace()}/runs/${id}`;
  const transport = useTransport();
  const run = useQuery({ ...runQuery(transport, name), refetchInterval: usePolling() });
  const feed = useRunFeed(name);
  // The journal runs ahead of the lists: what it says about the run's state is read at once.
  const newest = feed.events.length;
  const { refetch } = run;
  useEffect(() => {
    if (newest > 0) void refetch({ cancelRefetch: false });
  }, [newest, refetch]);

  if (!run.data) {
    return run.error ? (
      <ProblemNote problem={run.error} className="m-4">
        <Button size="sm" asChild>
          <Link to="/runs">All runs</Link>
        </Button>
      </ProblemNote>
    ) : (
      <RowsLoading />
    );
  }
  return (
    <div className="flex h-full flex-col">
      <RunHead run={run.data} />
      {feed.problem ? <ProblemNote problem={feed.problem} className="m-4" /> : null}
      <EventList feed={feed} />
    </div>
  );
}

function RunHead({ run }: { run: Run }) {
  const now = useNow();
  const orders = useRunOrders(run.name);
  const [cancelling, setCancelling] = useState(false);
  const title = run.title || "Untitled";
  const ended = hasEnded(run.state);
  const pending = run.pendingCommand !== "COMMAND_KIND_UNSPECIFIED";
  const resumes = run.state === "RUN_STATE_PAUSED" || run.pendingCommand === "COMMAND_KIND_PAUSE";
  const toggle = () => orders.mutate({ order: resumes ? "resume" : "pause" });
  useKeys({ p: toggle }, !ended && !cancelling);
  useEffect(() => {
    document.title = `${title} · Mission Control`;
  }, [title]);

  return (
    <header className="flex min-h-12 shrink-0 flex-wrap items-center gap-x-4 gap-y-1 border-b px-4 py-1.5">
      <h1 className="min-w-0 truncate font-semibold text-base">{title}</h1>
      <RunStatus run={run} />
      <span className="text-muted tabular-nums">{elapsed(run, now)}</span>
      <span className="text-muted">
        {run.agentDisplayName} {versionLabel(run.agentVersion)}
      </span>
      <span className="text-muted tabular-nums" title={costNote(run)}>
        {runCost(run)}
      </span>
      {ended ? null : (
        <div className="ml-auto flex gap-2">
          <Button size="sm" hotkey="p" busy={orders.isPending} onClick={toggle}>
            {resumes ? <Play aria-hidden /> : <Pause aria-hidden />}
            {resumes ? (pending ? "Do not pause" : "Resume") : "Pause"}
          </Button>
          <Button size="sm" look="danger" onClick={() => setCancelling(true)}>
            <Ban aria-hidden />
            Cancel
          </Button>
        </div>
      )}
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
