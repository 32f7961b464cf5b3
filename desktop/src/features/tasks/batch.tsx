// Several tasks at once: which they are, and what is changed of all of them, or that they start.
import { Play, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { Agent, Task, TaskPriority } from "~/api/gen/schemas";
import { plural } from "~/shared/format/count";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Field, Input, Select } from "~/shared/ui/field";
import { ProblemNote } from "~/shared/ui/problem-note";
import { DueMark, PriorityMark } from "./marks";
import { TaskStanding } from "./task-standing";
import { type Fate, MOST, useBatch } from "./use-batch";
import type { TaskChange } from "./use-tasks";
import { labelsOf, PRIORITIES } from "./words";

interface BatchProps {
  /** Chosen tasks; never none. */
  tasks: readonly Task[];
  agents: readonly Agent[];
  /** Keeps only these. */
  onKeep: (tasks: readonly Task[]) => void;
  /** Told what became of them. */
  onFates: (fates: readonly Fate[]) => void;
}

export function Batch({ tasks, agents, onKeep, onFates }: BatchProps) {
  const batch = useBatch();
  const many = tasks.length > MOST;
  const start = () => {
    if (!batch.isPending && !many) batch.mutate({ kind: "start", tasks }, { onSuccess: onFates });
  };
  useKeys({ s: start });
  return (
    <section aria-label="Change together" className="flex min-h-full flex-col">
      <div className="flex-1 space-y-4 p-5">
        <div className="flex items-center gap-3">
          <h2 className="font-semibold text-lg">{plural(tasks.length, "task")} chosen</h2>
          <Button size="sm" look="quiet" hotkey="esc" className="ml-auto" onClick={() => onKeep([])}>
            Choose none
          </Button>
        </div>
        <ul className="divide-y rounded-panel border">
          {tasks.map((task) => (
            <li key={task.name} className="flex items-center gap-2.5 py-1 pr-1.5 pl-3">
              <PriorityMark priority={task.priority} />
              <span className="flex w-4 shrink-0 overflow-hidden">
                <TaskStanding task={task} run={undefined} />
              </span>
              <span className="min-w-0 flex-1 truncate">{task.title}</span>
              <DueMark task={task} />
              <Button
                size="icon"
                look="quiet"
                aria-label={`Leave out: ${task.title}`}
                onClick={() => onKeep(tasks.filter(({ name }) => name !== task.name))}
              >
                <X aria-hidden />
              </Button>
            </li>
          ))}
        </ul>
      </div>
      <div className="sticky bottom-0 space-y-3 border-t bg-raised px-5 py-4">
        {batch.error ? <ProblemNote problem={batch.error} /> : null}
        {many ? (
          <p className="text-muted">
            At most {MOST} are changed at once.{" "}
            <Button size="sm" onClick={() => onKeep(tasks.slice(0, MOST))}>
              Keep the first {MOST}
            </Button>
          </p>
        ) : (
          <ChangeForm
            tasks={tasks}
            agents={agents}
            busy={batch.isPending}
            onStart={start}
            onChange={(changeOf) => batch.mutate({ kind: "change", tasks, changeOf }, { onSuccess: onFates })}
          />
        )}
      </div>
    </section>
  );
}

const SAME = "same";
const NONE = "none";

interface ChangeFormProps {
  tasks: readonly Task[];
  agents: readonly Agent[];
  busy: boolean;
  onStart: () => void;
  onChange: (changeOf: (task: Task) => TaskChange) => void;
}

function ChangeForm({ tasks, agents, busy, onStart, onChange }: ChangeFormProps) {
  const [priority, setPriority] = useState<TaskPriority | typeof SAME>(SAME);
  const [assignee, setAssignee] = useState<string>(SAME);
  const [due, setDue] = useState<"same" | "none" | "set">("same");
  const [dueAt, setDueAt] = useState("");
  const [add, setAdd] = useState("");
  const [drop, setDrop] = useState("");
  const there = [...new Set(tasks.flatMap(({ labels }) => labels))].sort();
  const added = labelsOf(add);
  const nothing =
    priority === SAME &&
    assignee === SAME &&
    added.length === 0 &&
    drop === "" &&
    (due === "same" || (due === "set" && !dueAt));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (busy || nothing) return;
    onChange((task) => ({
      ...(priority === SAME ? {} : { priority }),
      ...(assignee === SAME ? {} : { assignee: assignee === NONE ? "" : assignee }),
      ...(due === "none" ? { dueTime: null } : {}),
      ...(due === "set" ? { dueTime: new Date(dueAt).toISOString() } : {}),
      ...(added.length > 0 || drop !== ""
        ? { labels: [...new Set([...task.labels.filter((label) => label !== drop), ...added])] }
        : {}),
    }));
  };
  const same = <option value={SAME}>Leave as it is</option>;
  return (
    <form
      aria-label="Change"
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) submit(event);
      }}
      className="space-y-4"
    >
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label="Priority">
          {(control) => (
            <Select
              {...control}
              value={priority}
              onChange={(event) => setPriority(event.target.value as TaskPriority | typeof SAME)}
            >
              {same}
              {PRIORITIES.map(({ value, label }) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Assignee">
          {(control) => (
            <Select {...control} value={assignee} onChange={(event) => setAssignee(event.target.value)}>
              {same}
              <option value={NONE}>Nobody</option>
              {agents.map((agent) => (
                <option key={agent.name} value={agent.name}>
                  {agent.displayName}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Due">
          {(control) => (
            <Select {...control} value={due} onChange={(event) => setDue(event.target.value as typeof due)}>
              {same}
              <option value={NONE}>No due time</option>
              <option value="set">At a time...</option>
            </Select>
          )}
        </Field>
        {due === "set" ? (
          <Field label="Due at">
            {(control) => (
              <Input
                {...control}
                type="datetime-local"
                value={dueAt}
                onChange={(event) => setDueAt(event.target.value)}
              />
            )}
          </Field>
        ) : null}
        <Field label="Take out a label">
          {(control) => (
            <Select
              {...control}
              value={drop}
              disabled={there.length === 0}
              onChange={(event) => setDrop(event.target.value)}
            >
              <option value="">{there.length === 0 ? "They have none" : "Leave as they are"}</option>
              {there.map((label) => (
                <option key={label}>{label}</option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Add labels" aside="parted by commas" className={due === "set" ? "" : "sm:col-span-2"}>
          {(control) => <Input {...control} value={add} onChange={(event) => setAdd(event.target.value)} />}
        </Field>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look={nothing ? "plain" : "primary"} hotkey="mod+enter" busy={busy} disabled={nothing}>
          {busy ? "Sending..." : `Change ${tasks.length === 1 ? "it" : `all ${tasks.length}`}`}
        </Button>
        <Button hotkey="s" busy={busy} onClick={onStart}>
          <Play aria-hidden />
          Start {tasks.length === 1 ? "it" : `all ${tasks.length}`}
        </Button>
      </div>
    </form>
  );
}
