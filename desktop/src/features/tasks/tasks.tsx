// The board as a list: what there is to do in the order asked, found by its words, with a look at one or at several.
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ListTodo, Plus } from "lucide-react";
import { useMemo, useRef } from "react";
import type { Agent, Run, Task } from "~/api/gen/schemas";
import { agentsQuery, taskQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useMay, useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { useKeys } from "~/shared/keyboard/use-keys";
import { useListKeys } from "~/shared/keyboard/use-list-keys";
import { Button } from "~/shared/ui/button";
import { Choosing } from "~/shared/ui/choosing";
import { Empty } from "~/shared/ui/empty";
import { LoadMore } from "~/shared/ui/load-more";
import { ProblemNote, UnreadNote } from "~/shared/ui/problem-note";
import { RowsLoading, Screen, Split } from "~/shared/ui/screen";
import { useChoice } from "~/shared/ui/use-choice";
import { Batch } from "./batch";
import { isNarrowed } from "./board";
import { Fates } from "./fates";
import { FilterBar } from "./filter-bar";
import { TaskPeek } from "./task-peek";
import { TaskRow } from "./task-row";
import { useLatestRuns } from "./task-standing";
import type { Fate } from "./use-batch";
import { useBoard } from "./use-board";

export function Tasks() {
  const search = useSearch({ from: "/signed-in/tasks" });
  const navigate = useNavigate({ from: "/tasks" });
  const findBox = useRef<HTMLInputElement>(null);
  const agents = useQuery(agentsQuery(useTransport(), useWorkspace())).data ?? [];
  const runs = useLatestRuns();
  const board = useBoard(search);
  const { tasks, list } = board;
  const narrowed = isNarrowed(search);
  const labels = useMemo(() => [...new Set(tasks.flatMap((task) => task.labels))].sort(), [tasks]);

  const selected = search.task ?? null;
  const listed = tasks.find((task) => idOf(task.name) === selected);
  const select = (task: string | null) =>
    void navigate({ search: (now) => ({ ...now, task: task ?? undefined }), replace: true });

  const openRun = (task: Task | undefined) => {
    if (task?.latestRun) void navigate({ to: "/runs/$run", params: { run: idOf(task.latestRun) } });
  };

  const choice = useChoice<Task, Fate>(tasks, useMay("ROLE_OPERATOR"));
  const { chosen, clear, fates } = choice;
  const gathering = chosen.length > 0 || fates !== null;
  useKeys({ "/": () => findBox.current?.focus() });
  useKeys({ x: () => listed && choice.toggle(listed) }, choice.may && fates === null);
  // Esc lets go of what is chosen before it closes the peek.
  useListKeys({
    ids: tasks.map((task) => idOf(task.name)),
    selected: selected ?? (gathering ? "" : null),
    onSelect: (id) => (id === null && gathering ? clear() : select(id)),
    ...(gathering ? {} : { onOpen: () => openRun(listed) }),
  });

  return (
    <Screen
      title="Tasks"
      aside={
        choice.may && chosen.length > 0 ? (
          <Choosing choice={choice} count={tasks.length} />
        ) : board.isPending ? undefined : (
          `${tasks.length}${list.hasNextPage ? "+" : ""}`
        )
      }
      actions={tasks.length > 0 || narrowed ? <NewTaskButton /> : null}
      filters={<FilterBar search={search} agents={agents} labels={labels} findBox={findBox} />}
    >
      {board.error ? (
        <UnreadNote problem={board.error} onRetry={board.retry} />
      ) : board.isPending || (tasks.length === 0 && board.isLooking) ? (
        <RowsLoading />
      ) : tasks.length === 0 && !list.hasNextPage && !fates && !selected ? (
        <NoTasks narrowed={narrowed} wordless={board.wordless} />
      ) : (
        <Split
          onClose={() => (gathering ? clear() : select(null))}
          list={
            <>
              <ul aria-label="Tasks">
                {tasks.map((task) => (
                  <TaskRow
                    key={task.name}
                    task={task}
                    assignee={agents.find((agent) => agent.name === task.assignee)}
                    run={runs?.get(task.latestRun)}
                    selected={idOf(task.name) === selected}
                    chosen={choice.may ? chosen.includes(task) : undefined}
                    onChoose={choice.toggle}
                  />
                ))}
              </ul>
              {tasks.length === 0 ? <p className="px-4 py-8 text-center text-muted">No task fits.</p> : null}
              <LoadMore list={list} />
            </>
          }
          peek={
            fates ? (
              <Fates fates={fates} onRead={clear} />
            ) : chosen.length > 0 ? (
              <Batch tasks={chosen} agents={agents} onKeep={choice.keep} onFates={choice.tell} />
            ) : selected ? (
              <Peek key={selected} id={selected} listed={listed} agents={agents} runs={runs} />
            ) : null
          }
        />
      )}
    </Screen>
  );
}

interface PeekProps {
  id: string;
  listed: Task | undefined;
  agents: readonly Agent[];
  runs: ReadonlyMap<string, Run> | undefined;
}

/** From the list, or read by itself when a link leads to one that is not listed. */
function Peek({ id, listed, agents, runs }: PeekProps) {
  const name = `${useWorkspace()}/tasks/${id}`;
  const read = useQuery({ ...taskQuery(useTransport(), name), enabled: listed === undefined });
  const task = listed ?? read.data;
  if (task) return <TaskPeek key={task.name} task={task} agents={agents} run={runs?.get(task.latestRun)} />;
  if (!read.error) return <RowsLoading rows={4} />;
  return (
    <ProblemNote problem={read.error} className="m-4">
      <Button size="sm" asChild>
        <Link to="/tasks">All tasks</Link>
      </Button>
    </ProblemNote>
  );
}

function NewTaskButton() {
  return (
    <Button look="primary" hotkey="c" asChild>
      <Link to="/tasks/new">
        <Plus aria-hidden />
        New task
      </Link>
    </Button>
  );
}

function NoTasks({ narrowed, wordless }: { narrowed: boolean; wordless: boolean }) {
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
        {wordless
          ? "Such words are in every text, and none of them is looked for. Add one that says more."
          : "Words are looked for in titles, briefs, labels and checks of all tasks that the filters let through."}
      </Empty>
    );
  }
  return (
    <Empty icon={ListTodo} title="Nothing to do yet" action={<NewTaskButton />}>
      A task is a piece of work for a team member. Write what is to be done and how you will know that it is; press C
      from anywhere.
    </Empty>
  );
}
