// What a task waits for, what it is a part of, and its own parts.
import { useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus, X } from "lucide-react";
import { type FormEvent, type ReactNode, useRef, useState } from "react";
import type { Task } from "~/api/gen/schemas";
import { taskQuery, tasksQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { idOf, shortId } from "~/shared/format/name";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Input } from "~/shared/ui/field";
import { LoadMore } from "~/shared/ui/load-more";
import { INLINE } from "~/shared/ui/menu";
import { TaskStatus } from "~/shared/ui/status";
import { Refused } from "./in-place";
import { DueMark } from "./marks";
import { TaskPicker } from "./task-picker";
import { useChangeTask, useCreateTask } from "./use-tasks";

interface TiesProps {
  task: Task;
  may: boolean;
}

/** Tasks that must be done first, with how they stand. */
export function Blockers({ task, may }: TiesProps) {
  const transport = useTransport();
  const [picking, setPicking] = useState(false);
  const { set, error, reset } = useChangeTask(task);
  const blockers = useQueries({ queries: task.blockedBy.map((name) => taskQuery(transport, name)) });
  useKeys({ b: () => setPicking(true) }, may && !picking);
  const keep = (blockedBy: string[]) => {
    reset();
    set({ blockedBy });
  };
  if (!may && task.blockedBy.length === 0) return null;
  return (
    <section aria-label="Waits for" className="space-y-1.5">
      <Head title="Waits for" count={task.blockedBy.length}>
        {may ? (
          <Button size="sm" look="quiet" hotkey="b" onClick={() => setPicking(true)}>
            <Plus aria-hidden />
            Add
          </Button>
        ) : null}
      </Head>
      {task.blockedBy.length > 0 ? (
        <ul className="divide-y rounded-panel border">
          {task.blockedBy.map((name, index) => (
            <TaskLine key={name} name={name} task={blockers[index]?.data}>
              {may ? (
                <Button
                  size="icon"
                  look="quiet"
                  aria-label={`Do not wait for ${blockers[index]?.data?.title ?? shortId(name)}`}
                  onClick={() => keep(task.blockedBy.filter((each) => each !== name))}
                >
                  <X aria-hidden />
                </Button>
              ) : null}
            </TaskLine>
          ))}
        </ul>
      ) : null}
      <Refused error={error} />
      {picking ? (
        <TaskPicker
          title="What must be done first?"
          without={[task.name, ...task.blockedBy]}
          onClose={() => setPicking(false)}
          onPick={(picked) => {
            setPicking(false);
            keep([...task.blockedBy, picked.name]);
          }}
        />
      ) : null}
    </section>
  );
}

/** The task that it is a part of; pressing it picks another. */
export function ParentFact({ task, may }: TiesProps) {
  const [picking, setPicking] = useState(false);
  const { set, error, reset } = useChangeTask(task);
  const parent = useQuery({ ...taskQuery(useTransport(), task.parentTask), enabled: task.parentTask !== "" }).data;
  const put = (parentTask: string) => {
    reset();
    set({ parentTask });
  };
  return (
    <div>
      <span className="flex items-center gap-1">
        {task.parentTask ? (
          <Link
            to="/tasks"
            search={(now) => ({ ...now, task: idOf(task.parentTask) })}
            className="min-w-0 truncate underline decoration-line underline-offset-3 hover:decoration-current"
          >
            {parent?.title ?? `task ${shortId(task.parentTask)}`}
          </Link>
        ) : null}
        {may ? (
          <>
            <button
              type="button"
              className={`${INLINE} ${task.parentTask ? "mx-0 text-muted text-xs" : "text-faint"}`}
              onClick={() => setPicking(true)}
            >
              {task.parentTask ? "Change" : "of no other"}
              <span className="sr-only">: pick what it is a part of</span>
            </button>
            {task.parentTask ? (
              <Button size="icon" look="quiet" aria-label="Part of nothing" onClick={() => put("")}>
                <X aria-hidden />
              </Button>
            ) : null}
          </>
        ) : task.parentTask ? null : (
          <span className="text-faint">of no other</span>
        )}
      </span>
      <Refused error={error} />
      {picking ? (
        <TaskPicker
          title="What is it a part of?"
          without={[task.name, task.parentTask]}
          onClose={() => setPicking(false)}
          onPick={(picked) => {
            setPicking(false);
            put(picked.name);
          }}
        />
      ) : null}
    </div>
  );
}

/** Tasks that are a part of it. */
export function Parts({ task, may }: TiesProps) {
  const [adding, setAdding] = useState(false);
  const list = useInfiniteQuery({
    ...tasksQuery(useTransport(), useWorkspace(), { parentTask: task.name, orderBy: "create_time" }),
    enabled: task.subtaskCount > 0,
  });
  const parts = list.data?.pages.flatMap((page) => page.tasks) ?? [];
  if (!may && task.subtaskCount === 0) return null;
  return (
    <section aria-label="Parts" className="space-y-1.5">
      <Head
        title="Parts"
        count={task.subtaskCount > 0 ? `${task.doneSubtaskCount} of ${task.subtaskCount} done` : undefined}
      >
        {may ? (
          <Button size="sm" look="quiet" onClick={() => setAdding(true)}>
            <Plus aria-hidden />
            Add a part
          </Button>
        ) : null}
      </Head>
      {parts.length > 0 ? (
        <ul className="divide-y rounded-panel border">
          {parts.map((part) => (
            <TaskLine key={part.name} name={part.name} task={part}>
              <DueMark task={part} className="pr-2" />
            </TaskLine>
          ))}
        </ul>
      ) : null}
      <LoadMore list={list} />
      {adding ? <AddPart task={task} onClose={() => setAdding(false)} /> : null}
    </section>
  );
}

/** A line to write; it stays for the next. */
function AddPart({ task, onClose }: { task: Task; onClose: () => void }) {
  const [title, setTitle] = useState("");
  const create = useCreateTask();
  const sent = useRef<{ title: string; requestId: string } | null>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const line = title.trim();
    if (line === "" || create.isPending) return;
    if (sent.current?.title !== line) sent.current = { title: line, requestId: crypto.randomUUID() };
    const content = { title: line, assignee: task.assignee, parentTask: task.name };
    create.mutate(
      { content, requestId: sent.current.requestId },
      {
        onSuccess: () => {
          sent.current = null;
          setTitle("");
        },
      },
    );
  };
  return (
    <form aria-label="Add a part" onSubmit={submit} className="space-y-1.5">
      <div className="flex gap-2">
        <Input
          autoFocus
          aria-label="Title of the part"
          placeholder="What is to be done?"
          value={title}
          onChange={(event) => setTitle(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            event.stopPropagation();
            onClose();
          }}
        />
        <Button type="submit" busy={create.isPending} hotkey="enter">
          Add
        </Button>
        <Button look="quiet" onClick={onClose}>
          Done
        </Button>
      </div>
      <Refused error={create.error} />
    </form>
  );
}

interface TaskLineProps {
  name: string;
  /** Undefined while it is read. */
  task: Task | undefined;
  children?: ReactNode;
}

function TaskLine({ name, task, children }: TaskLineProps) {
  return (
    <li className="flex min-h-9 items-center gap-2 pr-1">
      <Link
        to="/tasks"
        search={(now) => ({ ...now, task: idOf(name) })}
        className="flex min-h-9 min-w-0 flex-1 items-center gap-2.5 px-3 hover:bg-hover"
      >
        {task ? <TaskStatus state={task.state} silent /> : null}
        <span className="min-w-0 truncate">{task?.title ?? `task ${shortId(name)}`}</span>
      </Link>
      {children}
    </li>
  );
}

export function Head({ title, count, children }: { title: string; count?: ReactNode; children?: ReactNode }) {
  return (
    <div className="flex min-h-7 items-center gap-2">
      <h3 className="text-muted">{title}</h3>
      {count ? <span className="text-faint text-xs tabular-nums">{count}</span> : null}
      <span className="ml-auto">{children}</span>
    </div>
  );
}
