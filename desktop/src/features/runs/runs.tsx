// Every run, newest first, with a peek at one.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Activity } from "lucide-react";
import type { Run, RunState } from "~/api/gen/schemas";
import { runsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import { useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { useListKeys } from "~/shared/keyboard/use-list-keys";
import { Button } from "~/shared/ui/button";
import { Empty } from "~/shared/ui/empty";
import { LoadMore } from "~/shared/ui/load-more";
import { UnreadNote } from "~/shared/ui/problem-note";
import { Filters, Row, RowsLoading, Screen, Split } from "~/shared/ui/screen";
import { RunStatus } from "~/shared/ui/status";
import { Ago, Ahead } from "~/shared/ui/time";
import { RunPeek } from "./run-peek";
import { restWords, runCost } from "./words";

const FILTERS = [
  { value: "all", label: "All" },
  { value: "running", label: "Running" },
  { value: "waiting", label: "Waiting" },
  { value: "paused", label: "Paused" },
  { value: "queued", label: "Queued" },
  { value: "succeeded", label: "Succeeded" },
  { value: "failed", label: "Failed" },
  { value: "cancelled", label: "Cancelled" },
] as const;
type Filter = (typeof FILTERS)[number]["value"];

const isFilter = (value: string | undefined): value is Filter => FILTERS.some((filter) => filter.value === value);
const stateOf = (filter: Filter): { state?: RunState } =>
  filter === "all" ? {} : { state: `RUN_STATE_${filter.toUpperCase()}` as RunState };

export function Runs() {
  const search = useSearch({ from: "/signed-in/runs" });
  const navigate = useNavigate({ from: "/runs" });
  const filter = isFilter(search.state) ? search.state : "all";
  const list = useInfiniteQuery({
    ...runsQuery(useTransport(), useWorkspace(), stateOf(filter)),
    refetchInterval: usePolling(),
  });
  const runs = list.data?.pages.flatMap((page) => page.runs) ?? [];
  const selected = search.run ?? null;
  const select = (run: string | null) =>
    void navigate({ search: (now) => ({ ...now, run: run ?? undefined }), replace: true });
  const open = (run: string) => void navigate({ to: "/runs/$run", params: { run } });
  useListKeys({ ids: runs.map((run) => idOf(run.name)), selected, onSelect: select, onOpen: open });

  const peeked = runs.find((run) => idOf(run.name) === selected);
  return (
    <Screen
      title="Runs"
      filters={
        <Filters
          label="Show"
          options={FILTERS}
          value={filter}
          onChange={(value) => void navigate({ search: value === "all" ? {} : { state: value } })}
        />
      }
    >
      {list.error && !list.data ? (
        <UnreadNote problem={list.error} onRetry={() => void list.refetch()} />
      ) : list.isPending ? (
        <RowsLoading />
      ) : runs.length === 0 ? (
        <NoRuns filtered={filter !== "all"} />
      ) : (
        <Split
          onClose={() => select(null)}
          list={
            <>
              <ul aria-label="Runs">
                {runs.map((run) => (
                  <RunRow key={run.name} run={run} selected={idOf(run.name) === selected} />
                ))}
              </ul>
              <LoadMore list={list} />
            </>
          }
          peek={peeked ? <RunPeek run={peeked} /> : null}
        />
      )}
    </Screen>
  );
}

function RunRow({ run, selected }: { run: Run; selected: boolean }) {
  return (
    <Row
      selected={selected}
      render={(content) => <Link to="/runs" search={(now) => ({ ...now, run: idOf(run.name) })} replace {...content} />}
    >
      <span className="flex w-32 shrink-0">
        <RunStatus run={run} />
      </span>
      <span className="min-w-0 flex-1 truncate">{run.title || "Untitled"}</span>
      {restWords(run) ? <Ahead time={run.wakeTime} className="shrink-0 text-muted text-xs tabular-nums" /> : null}
      <span className="hidden w-40 shrink-0 truncate text-muted @2xl:block">{run.agentDisplayName}</span>
      <span className="w-20 shrink-0 text-right text-muted tabular-nums">{runCost(run)}</span>
      <Ago time={run.createTime} className="w-14 shrink-0 text-right text-muted tabular-nums" />
    </Row>
  );
}

function NoRuns({ filtered }: { filtered: boolean }) {
  return (
    <Empty
      icon={Activity}
      title={filtered ? "No run stands like this" : "Nothing has run yet"}
      action={
        <Button look={filtered ? "plain" : "primary"} asChild>
          {filtered ? <Link to="/runs">Show all runs</Link> : <Link to="/tasks/new">New task</Link>}
        </Button>
      }
    >
      {filtered
        ? "Runs appear here as soon as they stand like this."
        : "A run is one execution of a task. Write a task and start it; press C from anywhere."}
    </Empty>
  );
}
