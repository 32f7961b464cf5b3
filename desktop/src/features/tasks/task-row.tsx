// One line of the board: how much it presses, how it stands, what it is, what holds it up, and by when it should be done.
import { Link } from "@tanstack/react-router";
import type { Agent, Run, Task } from "~/api/gen/schemas";
import { runCost } from "~/features/runs/words";
import { Avatar } from "~/features/team/avatar";
import { idOf } from "~/shared/format/name";
import { ChooseBox } from "~/shared/ui/choosing";
import { Row } from "~/shared/ui/screen";
import { Ago } from "~/shared/ui/time";
import { DueMark, LabelChip, PriorityMark, TieMarks } from "./marks";
import { TaskStanding } from "./task-standing";

/** Labels that a row has room for. */
const SHOWN_LABELS = 2;

interface TaskRowProps {
  task: Task;
  assignee: Agent | undefined;
  /** Its latest run, if that is known. */
  run: Run | undefined;
  selected: boolean;
  /** Whether it is chosen to be changed with others; absent where nothing can be chosen. */
  chosen: boolean | undefined;
  onChoose: (task: Task) => void;
}

export function TaskRow({ task, assignee, run, selected, chosen, onChoose }: TaskRowProps) {
  const more = task.labels.length - SHOWN_LABELS;
  return (
    <Row
      selected={selected}
      lead={
        chosen === undefined ? null : <ChooseBox label={task.title} chosen={chosen} onChoose={() => onChoose(task)} />
      }
      render={(content) => (
        <Link to="/tasks" search={(now) => ({ ...now, task: idOf(task.name) })} replace {...content} />
      )}
    >
      <PriorityMark priority={task.priority} />
      <span className="flex w-4 shrink-0 overflow-hidden @xl:w-32">
        <TaskStanding task={task} run={run} />
      </span>
      <span className="min-w-0 flex-1 truncate">{task.title}</span>
      {task.labels.length > 0 ? (
        <span className="hidden min-w-0 shrink items-center gap-1 @3xl:flex">
          {task.labels.slice(0, SHOWN_LABELS).map((label) => (
            <LabelChip key={label}>
              <span className="truncate">{label}</span>
            </LabelChip>
          ))}
          {more > 0 ? (
            <LabelChip>
              <span title={task.labels.join(", ")}>+{more}</span>
            </LabelChip>
          ) : null}
        </span>
      ) : null}
      <TieMarks task={task} />
      <DueMark task={task} />
      {assignee ? (
        <span className="hidden shrink-0 items-center gap-2 text-muted @md:flex @3xl:w-32" title={assignee.displayName}>
          <Avatar agent={assignee} />
          <span className="hidden truncate @3xl:inline">{assignee.displayName}</span>
        </span>
      ) : (
        <span className="hidden w-6 shrink-0 text-faint @md:block @3xl:w-32">
          <span className="hidden @3xl:inline">{task.assignee ? "" : "nobody"}</span>
        </span>
      )}
      <span className="hidden w-16 shrink-0 text-right text-muted tabular-nums @4xl:block">
        {run ? runCost(run) : ""}
      </span>
      <Ago time={task.updateTime} className="w-12 shrink-0 text-right text-muted tabular-nums" />
    </Row>
  );
}
