// What is known of a task beside its words, each changed by pressing it.
import { Plus, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { Agent, Task } from "~/api/gen/schemas";
import { Avatar } from "~/features/team/avatar";
import { localOf, localZone } from "~/shared/format/zone";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Input } from "~/shared/ui/field";
import { Picker } from "~/shared/ui/menu";
import { Fact, Facts } from "~/shared/ui/screen";
import { Since } from "~/shared/ui/time";
import { Refused } from "./in-place";
import { DueMark, LabelChip, PriorityIcon } from "./marks";
import { SourceFact } from "./source-fact";
import { ParentFact } from "./task-ties";
import { useChangeTask } from "./use-tasks";
import { dayAhead, labelsOf, PRIORITIES, priorityLabel } from "./words";

interface FactsProps {
  task: Task;
  agents: readonly Agent[];
  may: boolean;
}

export function TaskFacts({ task, agents, may }: FactsProps) {
  const [open, setOpen] = useState<"assignee" | "priority" | "due" | "labels" | null>(null);
  useKeys(
    {
      a: () => setOpen("assignee"),
      p: () => setOpen("priority"),
      d: () => setOpen("due"),
      l: () => setOpen("labels"),
    },
    may && open === null,
  );
  const opened = (which: NonNullable<typeof open>) => ({
    open: open === which,
    onOpenChange: (now: boolean) => setOpen(now ? which : null),
  });
  return (
    <Facts>
      <Fact name="Assignee">
        <AssigneeFact task={task} agents={agents} may={may} {...opened("assignee")} />
      </Fact>
      <Fact name="Priority">
        <PriorityFact task={task} may={may} {...opened("priority")} />
      </Fact>
      <Fact name="Due">
        <DueFact task={task} may={may} {...opened("due")} />
      </Fact>
      <Fact name="Labels">
        <LabelsFact task={task} may={may} {...opened("labels")} />
      </Fact>
      <Fact name="Part of">
        <ParentFact task={task} may={may} />
      </Fact>
      <Fact name="Source">
        <SourceFact task={task} may={may} />
      </Fact>
      <Fact name="Made">
        <Since time={task.createTime} />
      </Fact>
    </Facts>
  );
}

interface OneProps {
  task: Task;
  may: boolean;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

function AssigneeFact({ task, agents, may, ...opening }: OneProps & { agents: readonly Agent[] }) {
  const { set, error } = useChangeTask(task);
  const assignee = agents.find(({ name }) => name === task.assignee);
  const options = [
    { value: "", label: "Nobody" },
    ...agents.map((agent) => ({
      value: agent.name,
      label: agent.latestVersion === 0 ? `${agent.displayName} (not published)` : agent.displayName,
      icon: <Avatar agent={agent} />,
      disabled: agent.latestVersion === 0,
    })),
  ];
  return (
    <>
      <Picker
        label={`Assignee: ${assignee?.displayName ?? "nobody"}`}
        options={options}
        value={task.assignee}
        onPick={(next) => set({ assignee: next })}
        hotkey="a"
        disabled={!may}
        {...opening}
      >
        {assignee ? (
          <>
            <Avatar agent={assignee} />
            <span className="truncate">{assignee.displayName}</span>
          </>
        ) : (
          <span className="text-muted">{task.assignee ? "no longer on the team" : "nobody"}</span>
        )}
      </Picker>
      <Refused error={error} />
    </>
  );
}

function PriorityFact({ task, may, ...opening }: OneProps) {
  const { set, error } = useChangeTask(task);
  const word = priorityLabel(task.priority);
  return (
    <>
      <Picker
        label={`Priority: ${word}`}
        options={PRIORITIES.map(({ value, label }) => ({
          value,
          label,
          icon: <PriorityIcon priority={value} />,
        }))}
        value={PRIORITIES.find(({ value }) => value === task.priority)?.value ?? "TASK_PRIORITY_NORMAL"}
        onPick={(priority) => set({ priority })}
        hotkey="p"
        disabled={!may}
        {...opening}
      >
        <PriorityIcon priority={task.priority} />
        {word}
      </Picker>
      <Refused error={error} />
    </>
  );
}

const DUE_DAYS = [
  ["0", "Today", 0],
  ["1", "Tomorrow", 1],
  ["7", "In a week", 7],
] as const;

function DueFact({ task, may, ...opening }: OneProps) {
  const { set, error } = useChangeTask(task);
  const [exact, setExact] = useState(false);
  const days = DUE_DAYS.map(([value, label]) => ({ value, label }));
  const options = [...days, { value: "at", label: "At a time..." }, { value: "none", label: "No due time" }];
  const pick = (value: string) => {
    const day = DUE_DAYS.find(([key]) => key === value);
    if (day) set({ dueTime: dayAhead(day[2], Date.now()) });
    else if (value === "none") set({ dueTime: null });
    else setExact(true);
  };
  if (exact) return <DueForm task={task} onClose={() => setExact(false)} onSet={(dueTime) => set({ dueTime })} />;
  return (
    <>
      <Picker
        label={task.dueTime ? "Due time" : "Due time: none"}
        options={options}
        value={task.dueTime ? "" : "none"}
        onPick={pick}
        hotkey="d"
        disabled={!may}
        {...opening}
      >
        {task.dueTime ? <DueMark task={task} className="text-sm" /> : <span className="text-faint">at no time</span>}
      </Picker>
      <Refused error={error} />
    </>
  );
}

function DueForm({ task, onClose, onSet }: { task: Task; onClose: () => void; onSet: (dueTime: string) => void }) {
  const [at, setAt] = useState(() =>
    localOf(task.dueTime ? Date.parse(task.dueTime) : Date.parse(dayAhead(1, Date.now())), localZone()),
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const time = new Date(at);
    if (Number.isNaN(time.getTime())) return;
    onSet(time.toISOString());
    onClose();
  };
  return (
    <form aria-label="Due at" onSubmit={submit} className="flex flex-wrap gap-2">
      <Input
        autoFocus
        type="datetime-local"
        aria-label="Due at"
        value={at}
        onChange={(event) => setAt(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation();
          onClose();
        }}
        className="w-52"
      />
      <Button type="submit">Set</Button>
      <Button look="quiet" onClick={onClose}>
        Cancel
      </Button>
    </form>
  );
}

/** Labels at the most. */
const MOST_LABELS = 20;

function LabelsFact({ task, may, open, onOpenChange }: OneProps) {
  const { set, error, reset } = useChangeTask(task);
  const [text, setText] = useState("");
  const keep = (labels: string[]) => {
    reset();
    set({ labels });
  };
  const add = (event: FormEvent) => {
    event.preventDefault();
    const added = labelsOf(text);
    setText("");
    if (added.length === 0) return onOpenChange(false);
    keep([...new Set([...task.labels, ...added])].sort());
  };
  return (
    <>
      <span className="flex min-h-[26px] flex-wrap items-center gap-1">
        {task.labels.map((label) => (
          <LabelChip key={label} className={may ? "pr-0.5" : ""}>
            <span className="truncate">{label}</span>
            {may ? (
              <button
                type="button"
                aria-label={`Take out the label ${label}`}
                onClick={() => keep(task.labels.filter((each) => each !== label))}
                className="grid size-4 place-items-center rounded-full hover:bg-hover hover:text-text"
              >
                <X aria-hidden className="size-3 stroke-[1.5]" />
              </button>
            ) : null}
          </LabelChip>
        ))}
        {task.labels.length === 0 && !may ? <span className="text-faint">none</span> : null}
        {open && may ? (
          <form aria-label="Add labels" onSubmit={add}>
            <Input
              autoFocus
              aria-label="Labels, parted by commas"
              placeholder="bug, ui"
              value={text}
              onChange={(event) => setText(event.target.value)}
              onBlur={(event) => {
                if (text.trim()) add(event as unknown as FormEvent);
                onOpenChange(false);
              }}
              onKeyDown={(event) => {
                if (event.key !== "Escape") return;
                event.stopPropagation();
                setText("");
                onOpenChange(false);
              }}
              className="h-[26px] w-36 text-xs"
            />
          </form>
        ) : may && task.labels.length < MOST_LABELS ? (
          <Button
            size="sm"
            look="quiet"
            aria-keyshortcuts="l"
            title="Add a label (L)"
            onClick={() => onOpenChange(true)}
          >
            <Plus aria-hidden />
            {task.labels.length === 0 ? "Add a label" : <span className="sr-only">Add a label</span>}
          </Button>
        ) : null}
      </span>
      <Refused error={error} />
    </>
  );
}
