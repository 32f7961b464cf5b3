// One run: how it stands, what can be done about it, and its journal as it grows.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Run } from "~/api/gen/schemas";
import { runQuery } from "~/api/queries";
import { useReadable, useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import { useMe, useWorkspace } from "~/app/workspace/workspace";
import { Button } from "~/shared/ui/button";
import { ProblemNote } from "~/shared/ui/problem-note";
import { RowsLoading } from "~/shared/ui/screen";
import { hasEnded } from "~/shared/ui/status";
import { Announcer } from "./announcer";
import { Dock } from "./dock";
import { FeedProvider } from "./feed-context";
import type { Timeline as TimelineOf } from "./journal/entries";
import type { RunFeed } from "./journal/feed";
import { RecordsDialog } from "./records-dialog";
import { Rest } from "./rest";
import { useRequested, waitingCalls } from "./rows";
import { RunHead } from "./run-head";
import { Steer } from "./steer";
import { spans } from "./summary/spans";
import { Strip } from "./summary/strip";
import { Summary } from "./summary/summary";
import type { Row } from "./timeline/entry-view";
import { Timeline } from "./timeline/timeline";
import { useRunFeed } from "./use-run-feed";

/** The screen of the run with this id. */
export function RunDetail({ id }: { id: string }) {
  const name = `${useWorkspace()}/runs/${id}`;
  const run = useQuery({ ...runQuery(useTransport(), name), refetchInterval: usePolling() });
  const feed = useRunFeed(name);
  const timeline = useReadable(feed.timeline);
  const me = useMe().user.name;
  const [records, setRecords] = useState<readonly number[] | null>(null);
  const [details, setDetails] = useState(false);
  const place = useMemo(() => ({ run: name, feed, me, showRecords: setRecords }), [name, feed, me]);
  useAhead(timeline, run.refetch);
  useReopened(feed, run.data);

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
    <FeedProvider value={place}>
      <div className="flex h-full flex-col">
        <RunHead run={run.data} details={details} onDetails={() => setDetails((now) => !now)} />
        <Body run={run.data} feed={feed} timeline={timeline} details={details} />
        {records ? <RecordsDialog run={name} seqs={records} onClose={() => setRecords(null)} /> : null}
      </div>
    </FeedProvider>
  );
}

/** How long what the journal brings is collected before the run itself is read again, in ms. */
const SETTLE_MS = 250;

/** The journal runs ahead of what is read: what it says about the run's state is read soon after. */
function useAhead({ head }: TimelineOf, refetch: (options: { cancelRefetch: boolean }) => unknown): void {
  const planned = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => {
    if (head === 0) return;
    planned.current ??= setTimeout(() => {
      planned.current = null;
      void refetch({ cancelRefetch: false });
    }, SETTLE_MS);
  }, [head, refetch]);
  useEffect(
    () => () => {
      if (planned.current !== null) clearTimeout(planned.current);
      planned.current = null;
    },
    [],
  );
}

/** A run that had ended may be made to go on: then there is more to follow. */
function useReopened(feed: RunFeed, run: Run | undefined): void {
  const { ended } = useReadable(feed.state);
  const lives = run !== undefined && !hasEnded(run.state);
  useEffect(() => {
    if (ended && lives) feed.open();
  }, [feed, ended, lives]);
}

interface BodyProps {
  run: Run;
  feed: RunFeed;
  timeline: TimelineOf;
  details: boolean;
}

function Body({ run, feed, timeline, details }: BodyProps) {
  const state = useReadable(feed.state);
  const [selected, setSelected] = useState<string | null>(null);
  const [reveal, setReveal] = useState<{ id: string } | null>(null);
  const requested = useRequested(run.name, timeline);
  const rows = useMemo<readonly Row[]>(
    () => (requested.length === 0 || timeline.end ? timeline.entries : [...timeline.entries, ...requested]),
    [timeline, requested],
  );
  const times = useMemo(() => spans(timeline), [timeline]);
  const waiting = useMemo(() => waitingCalls(timeline), [timeline]);
  const asked = waiting.find((call) => call.id === selected) ?? waiting[0];
  const show = useCallback((id: string) => {
    setSelected(id);
    setReveal({ id });
  }, []);
  return (
    <>
      <Strip timeline={timeline} times={times} onJump={show} />
      <Announcer timeline={timeline} caughtUp={state.caughtUp} />
      <div className="relative flex min-h-0 flex-1">
        <div className="flex min-w-0 flex-1 flex-col">
          {state.problem ? (
            <ProblemNote problem={state.problem} className="mx-4 mt-3">
              {state.stopped ? (
                <Button size="sm" onClick={() => feed.open()}>
                  Follow it again
                </Button>
              ) : null}
            </ProblemNote>
          ) : null}
          {rows.length > 0 ? (
            <Timeline rows={rows} run={run} selected={selected} onSelect={setSelected} reveal={reveal} />
          ) : state.caughtUp ? (
            <p className="flex-1 px-4 py-8 text-center text-muted">Waiting for the first record.</p>
          ) : (
            <div className="flex-1">{state.problem ? null : <RowsLoading />}</div>
          )}
          {asked ? <Dock waiting={waiting} current={asked} onLook={show} /> : null}
          {asked ? null : <Rest run={run} timeline={timeline} />}
          <Steer run={run} />
        </div>
        <Summary run={run} timeline={timeline} times={times} over={details} />
      </div>
    </>
  );
}
