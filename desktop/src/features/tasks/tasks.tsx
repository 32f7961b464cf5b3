// The board as a list: tasks by state, found by their words, with a peek at one.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ListTodo, Plus, Search } from "lucide-react";
import { useMemo, useRef } from "react";
import type { Agent, Run, Task, TaskState } from "~/api/gen/schemas";
import { agentsQuery, tasksQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import { useWorkspace } from "~/app/workspace/workspace";
import { runCost } from "~/features/runs/words";
import { Avatar } from "~/features/team/avatar";
import { idOf } from "~/shared/format/name";
import { useKeys } from "~/shared/keyboard/use-keys";
import { useListKeys } from "~/shared/keyboard/use-list-keys";
import { Button } from "~/shared/ui/button";
import { Empty } from "~/shared/ui/empty";
import { LoadMore } from "~/shared/ui/load-more";
import { UnreadNote } from "~/shared/ui/problem-note";
import { Filters, Row, RowsLoading, Screen, Split } from "~/shared/ui/screen";
import { Ago } from "~/shared/ui/time";
import { found } from "./find";
import { TaskPeek } from "./task-peek";
import { TaskStanding, useLatestRuns } from "./task-standing";

const FILTERS = [
  { value: "all", label: "All" },
  { value: "open", label: "Open" },
  { value: "in_progress", label: "In progress" },
  { value: "done", label: "Done" },
  { value: "stopped", label: "Stopped" },
] as const;
type Filter = (typeof FILTERS)[number]["value"];
const isFilter = (value: string | undefined): value is Filter => FILTERS.some((filter) => filter.value === value);

export function Tasks() {
  const search = useSearch({ from: "/signed-in/tasks" });
  const navigate = useNavigate({ from: "/tasks" });
  const transport = useTransport();
  const workspace = useWorkspace();
  const findBox = useRef<HTMLInputElement>(null);
  const filter = isFilter(search.state) ? search.state : "all";
  const state = filter === "all" ? undefined : (`TASK_STATE_${filter.toUpperCase()}` as TaskState);
  const list = useInfiniteQuery({ ...tasksQuery(transport, workspace, state), refetchInterval: usePolling() });
  const agents = useQuery(agentsQuery(transport, workspace)).data;

  const runs = useLatestRuns();
  const loaded = useMemo(() => list.data?.pages.flatMap((page) => page.tasks) ?? [], [list.data]);
  const tasks = useMemo(() => found(loaded, search.find ?? ""), [loaded, search.find]);
  const selected = search.task ?? null;
  const peeked = loaded.find((task) => idOf(task.name) === selected);

  const select = (task: string | null) =>
    void navigate({ search: (now) => ({ ...now, task: task ?? undefined }), replace: true });
  useListKeys({
    ids: tasks.map((task) => idOf(task.name)),
    selected,
    onSelect: select,
    onOpen: () => {
      if (peeked?.latestRun) void navigate({ to: "/runs/$run", params: { run: idOf(peeked.latestRun) } });
    },
  });
  useKeys({ "/": () => findBox.current?.focus() });

  return (
    <Screen
      title="Tasks"
      aside={list.data ? `${tasks.length}${list.hasNextPage ? "+" : ""}` : undefined}
      actions={
        loaded.length > 0 || filter !== "all" ? (
          <Button look="primary" hotkey="c" asChild>
            <Link to="/tasks/new">
              <Plus aria-hidden />
              New task
            </Link>
          </Button>
        ) : null
      }
      filters={
        <>
          <Filters
            label="Show"
            options={FILTERS}
            value={filter}
            onChange={(value) =>
              void navigate({
                search: (now) => ({ ...now, task: undefined, state: value === "all" ? undefined : value }),
              })
            }
          />
          <label className="relative ml-auto flex items-center">
            <span className="sr-only">Find in the tasks that are loaded</span>
            <Search aria-hidden className="pointer-events-none absolute left-2 size-3.5 stroke-[1.5] text-faint" />
            <input
              ref={findBox}
              type="search"
              aria-keyshortcuts="/"
              placeholder="Find  /"
              value={search.find ?? ""}
              onChange={(event) =>
                void navigate({ search: (now) => ({ ...now, find: event.target.value || undefined }), replace: true })
              }
              onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
              className="h-[26px] w-48 rounded-control border bg-raised pr-2 pl-7 text-xs hover:border-edge"
            />
          </label>
        </>
      }
    >
      {list.error && !list.data ? (
        <UnreadNote problem={list.error} onRetry={() => void list.refetch()} />
      ) : list.isPending ? (
        <RowsLoading />
      ) : tasks.length === 0 ? (
        <NoTasks narrowed={filter !== "all" || search.find !== undefined} />
      ) : (
        <Split
          onClose={() => select(null)}
          list={
            <>
              <ul aria-label="Tasks">
                {tasks.map((task) => (
                  <TaskRow
                    key={task.name}
                    task={task}
                    assignee={agents?.find((agent) => agent.name === task.assignee)}
                    run={runs?.get(task.latestRun)}
                    selected={idOf(task.name) === selected}
                  />
                ))}
              </ul>
              <LoadMore list={list} />
            </>
          }
          peek={
            peeked ? (
              <TaskPeek key={peeked.name} task={peeked} agents={agents ?? []} run={runs?.get(peeked.latestRun)} />
            ) : null
          }
        />
      )}
    </Screen>
  );
}

interface TaskRowProps {
  task: Task;
  assignee: Agent | undefined;
  /** Its latest run, if that is known. */
  run: Run | undefined;
  selected: boolean;
}

function TaskRow({ task, assignee, run, selected }: TaskRowProps) {
  return (
    <Row
      selected={selected}
      render={(content) => (
        <Link to="/tasks" search={(now) => ({ ...now, task: idOf(task.name) })} replace {...content} />
      )}
    >
      <span className="flex w-32 shrink-0">
        <TaskStanding task={task} run={run} />
      </span>
      <span className="min-w-0 flex-1 truncate">{task.title}</span>
      {assignee ? (
        <span className="hidden w-40 shrink-0 items-center gap-2 text-muted @2xl:flex">
          <Avatar agent={assignee} />
          <span className="truncate">{assignee.displayName}</span>
        </span>
      ) : (
        <span className="hidden w-40 shrink-0 text-faint @2xl:block">{task.assignee ? "" : "nobody"}</span>
      )}
      <span className="hidden w-20 shrink-0 text-right text-muted tabular-nums @2xl:block">
        {run ? runCost(run) : ""}
      </span>
      <Ago time={task.updateTime} className="w-14 shrink-0 text-right text-muted tabular-nums" />
    </Row>
  );
}

function NoTasks({ narrowed }: { narrowed: boolean }) {
  if (narrowed) {
    return (
      <Empty
        icon={ListTodo}
        title="No task fits"
        action={
          <Button asChild>
            <Link to="/tasks">Show all tasks</Link>
          </Button>
        }
      >
        Finding looks at titles and briefs of the tasks that are loaded.
      </Empty>
    );
  }
  return (
    <Empty
      icon={ListTodo}
      title="Nothing to do yet"
      action={
        <Button look="primary" hotkey="c" asChild>
          <Link to="/tasks/new">
            <Plus aria-hidden />
            New task
          </Link>
        </Button>
      }
    >
      A task is a piece of work for a team member. Write what is to be done and how you will know that it is; press C
      from anywhere.
    </Empty>
  );
}
