// The history of a schedule: each time that it was due, and what became of it.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Schedule, ScheduleFire } from "~/api/gen/schemas";
import { firesQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useMe } from "~/app/workspace/workspace";
import { plural } from "~/shared/format/count";
import { idOf } from "~/shared/format/name";
import { Button } from "~/shared/ui/button";
import { LoadMore } from "~/shared/ui/load-more";
import { ProblemNote } from "~/shared/ui/problem-note";
import { RowsLoading } from "~/shared/ui/screen";
import { Status } from "~/shared/ui/status";
import { Ago } from "~/shared/ui/time";
import { fireLook, isOpen } from "./words";

/** How often the history is read again, in ms: while something is about to become of a fire, and otherwise. */
const OPEN_MS = 1_500;
const STILL_MS = 10_000;

export function Fires({ schedule }: { schedule: Schedule }) {
  const list = useInfiniteQuery({
    ...firesQuery(useTransport(), schedule.name),
    refetchInterval: ({ state }) =>
      state.data?.pages[0]?.fires.some(isOpen) || schedule.openFires > 0 ? OPEN_MS : STILL_MS,
  });
  const fires = list.data?.pages.flatMap((page) => page.fires) ?? [];
  return (
    <div>
      <h3 className="mb-1.5 text-muted">History</h3>
      {list.error && !list.data ? (
        <ProblemNote problem={list.error}>
          <Button size="sm" onClick={() => void list.refetch()}>
            Try again
          </Button>
        </ProblemNote>
      ) : list.isPending ? (
        <RowsLoading rows={3} />
      ) : fires.length === 0 ? (
        <p className="text-muted">It has not fired yet.</p>
      ) : (
        <>
          <ul aria-label="History" className="divide-y rounded-panel border">
            {fires.map((fire) => (
              <FireRow key={fire.name} fire={fire} />
            ))}
          </ul>
          <LoadMore list={list} />
        </>
      )}
    </div>
  );
}

function FireRow({ fire }: { fire: ScheduleFire }) {
  const me = useMe().user.name;
  const [look, words] = fireLook(fire);
  const missed = Number(fire.missedTimes);
  const asked = fire.requester === "" ? "" : fire.requester === me ? "by you" : "by somebody";
  return (
    <li className="flex items-start gap-2.5 px-3 py-2">
      <span className="mt-px">
        <Status look={look} word="" silent />
      </span>
      <span className="min-w-0 flex-1">
        <span className="block text-pretty break-words">
          {words}
          {asked ? <span className="text-muted"> {asked}, by hand</span> : null}
        </span>
        {missed > 0 ? (
          <span className="block text-muted text-xs">
            {fire.state === "SCHEDULE_FIRE_STATE_STARTED" ? "Stands for" : "Of"} {plural(missed, "time")} that{" "}
            {missed === 1 ? "was" : "were"} missed
          </span>
        ) : null}
        {fire.note ? <span className="block break-words text-muted text-xs">{fire.note}</span> : null}
      </span>
      {fire.run ? <RunLink run={fire.run}>Its run</RunLink> : null}
      {fire.blockingRun && !fire.run ? <RunLink run={fire.blockingRun}>The run before</RunLink> : null}
      <Ago time={fire.dueTime} className="w-12 shrink-0 text-right text-muted tabular-nums" />
    </li>
  );
}

const RunLink = ({ run, children }: { run: string; children: string }) => (
  <Link
    to="/runs/$run"
    params={{ run: idOf(run) }}
    className="shrink-0 underline decoration-line underline-offset-3 hover:decoration-current"
  >
    {children}
  </Link>
);
