// Schedules: what the clock starts, when it is due next, what became of the last time; with a look at one.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { CalendarClock, Plus } from "lucide-react";
import type { Schedule } from "~/api/gen/schemas";
import { agentsQuery, scheduleQuery, schedulesQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useMay, useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { useListKeys } from "~/shared/keyboard/use-list-keys";
import { Button } from "~/shared/ui/button";
import { Empty } from "~/shared/ui/empty";
import { LoadMore } from "~/shared/ui/load-more";
import { ProblemNote, UnreadNote } from "~/shared/ui/problem-note";
import { Row, RowsLoading, Screen, Split } from "~/shared/ui/screen";
import { Status } from "~/shared/ui/status";
import { Ago, Ahead } from "~/shared/ui/time";
import { SchedulePeek } from "./schedule-peek";
import { fireLook, scheduleLook, whenWords } from "./words";

/** How often schedules are read again, in ms: what is due moves on without an event. */
const CLOCK_MS = 10_000;

export function Schedules() {
  const search = useSearch({ from: "/signed-in/schedules" });
  const navigate = useNavigate({ from: "/schedules" });
  const transport = useTransport();
  const workspace = useWorkspace();
  const may = useMay("ROLE_OPERATOR");
  const list = useInfiniteQuery({ ...schedulesQuery(transport, workspace), refetchInterval: CLOCK_MS });
  const agents = useQuery(agentsQuery(transport, workspace)).data ?? [];
  const schedules = list.data?.pages.flatMap((page) => page.schedules) ?? [];
  const selected = search.schedule ?? null;
  const select = (schedule: string | null) =>
    void navigate({ search: { schedule: schedule ?? undefined }, replace: true });
  useListKeys({
    ids: schedules.map((schedule) => idOf(schedule.name)),
    selected,
    onSelect: select,
    onOpen: (schedule) => void navigate({ to: "/schedules/$schedule", params: { schedule } }),
  });
  const add = (
    <Button look="primary" asChild>
      <Link to="/schedules/new">
        <Plus aria-hidden />
        New schedule
      </Link>
    </Button>
  );
  return (
    <Screen
      title="Schedules"
      aside={list.data ? `${schedules.length}${list.hasNextPage ? "+" : ""}` : undefined}
      actions={may && schedules.length > 0 ? add : null}
    >
      {list.error && !list.data ? (
        <UnreadNote problem={list.error} onRetry={() => void list.refetch()} />
      ) : list.isPending ? (
        <RowsLoading />
      ) : schedules.length === 0 ? (
        <Empty icon={CalendarClock} title="Nothing is on the clock" action={may ? add : null}>
          A schedule puts a task on the board and starts it, at the times you say and in the time zone you pick. Each
          time fires once, whatever crashes; you see the next ones before you save.
        </Empty>
      ) : (
        <Split
          onClose={() => select(null)}
          list={
            <>
              <ul aria-label="Schedules">
                {schedules.map((schedule) => (
                  <ScheduleRow key={schedule.name} schedule={schedule} selected={idOf(schedule.name) === selected} />
                ))}
              </ul>
              <LoadMore list={list} />
            </>
          }
          peek={
            selected ? (
              <Peek
                key={selected}
                id={selected}
                listed={schedules.find((schedule) => idOf(schedule.name) === selected)}
                agentNamed={(name) => agents.find((agent) => agent.name === name)}
                onDeleted={() => select(null)}
              />
            ) : null
          }
        />
      )}
    </Screen>
  );
}

function ScheduleRow({ schedule, selected }: { schedule: Schedule; selected: boolean }) {
  const [look, word] = scheduleLook(schedule);
  const { lastFire } = schedule;
  return (
    <Row
      selected={selected}
      render={(content) => <Link to="/schedules" search={{ schedule: idOf(schedule.name) }} replace {...content} />}
    >
      <span className="flex w-4 shrink-0 overflow-hidden @md:w-28">
        <Status look={look} word={word} />
      </span>
      <span className="min-w-0 flex-1 py-2">
        <span className="block truncate font-medium">{schedule.displayName}</span>
        <span className="block truncate text-muted text-xs">{whenWords(schedule)}</span>
      </span>
      {lastFire ? (
        <span className="hidden w-56 shrink-0 truncate text-right text-muted text-xs @2xl:block">
          {fireLook(lastFire)[1]} <Ago time={lastFire.dueTime} /> ago
        </span>
      ) : null}
      <span className="w-24 shrink-0 text-right text-muted tabular-nums">
        {schedule.nextFireTime ? <Ahead time={schedule.nextFireTime} /> : "–"}
      </span>
    </Row>
  );
}

interface PeekProps extends Omit<Parameters<typeof SchedulePeek>[0], "schedule"> {
  id: string;
  listed: Schedule | undefined;
}

/** From the list, or read by itself when a link leads to one that is not listed. */
function Peek({ id, listed, ...more }: PeekProps) {
  const name = `${useWorkspace()}/schedules/${id}`;
  const read = useQuery({ ...scheduleQuery(useTransport(), name), enabled: listed === undefined });
  const schedule = listed ?? read.data;
  if (schedule) return <SchedulePeek schedule={schedule} {...more} />;
  if (!read.error) return <RowsLoading rows={4} />;
  return (
    <ProblemNote problem={read.error} className="m-4">
      <Button size="sm" asChild>
        <Link to="/schedules">All schedules</Link>
      </Button>
    </ProblemNote>
  );
}
