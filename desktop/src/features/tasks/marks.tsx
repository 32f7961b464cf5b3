// Small signs of a task: how much it presses, its labels, when it is due, what holds it up.
import { Ban, CalendarClock, ListTree, MessageSquare } from "lucide-react";
import type { ReactNode } from "react";
import type { Task, TaskPriority } from "~/api/gen/schemas";
import { plural } from "~/shared/format/count";
import { absolute } from "~/shared/format/time";
import { cn } from "~/shared/ui/cn";
import { useNow } from "~/shared/ui/time";
import { dueWords, isOverdue, priorityLabel } from "./words";

const BARS: Partial<Record<TaskPriority, number>> = { TASK_PRIORITY_HIGH: 3, TASK_PRIORITY_LOW: 1 };

/** Bars that rise with the priority; urgent is a sign of its own. */
export function PriorityIcon({ priority }: { priority: TaskPriority }) {
  if (priority === "TASK_PRIORITY_URGENT") {
    return (
      <svg aria-hidden="true" viewBox="0 0 16 16" className="size-4 shrink-0 !stroke-0 text-need">
        <rect x="1.5" y="1.5" width="13" height="13" rx="3" fill="currentColor" />
        <rect x="7.1" y="4" width="1.8" height="5" rx=".9" className="fill-bg" />
        <circle cx="8" cy="11.3" r="1.1" className="fill-bg" />
      </svg>
    );
  }
  const bars = BARS[priority] ?? 2;
  return (
    <svg aria-hidden="true" viewBox="0 0 16 16" className="size-4 shrink-0 !stroke-0 text-muted">
      {[5, 8, 11].map((height, index) => (
        <rect
          key={height}
          x={2 + index * 4.5}
          y={13.5 - height}
          width="3"
          height={height}
          rx="1"
          fill="currentColor"
          opacity={index < bars ? 1 : 0.28}
        />
      ))}
    </svg>
  );
}

/** The icon, with its word for those who listen and on hover; normal needs none. */
export function PriorityMark({ priority }: { priority: TaskPriority }) {
  const word = `${priorityLabel(priority)} priority`;
  const plain = word === "Normal priority";
  return (
    <span title={word} className="grid size-4 shrink-0 place-items-center">
      <PriorityIcon priority={priority} />
      {plain ? null : <span className="sr-only">{word}</span>}
    </span>
  );
}

export function LabelChip({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <span
      className={cn(
        "inline-flex h-5 max-w-40 shrink-0 items-center gap-1 rounded-full border px-2 text-muted text-xs",
        className,
      )}
    >
      {children}
    </span>
  );
}

/** When it is due; red once that has passed and it is not done. */
export function DueMark({ task, className }: { task: Pick<Task, "dueTime" | "state">; className?: string }) {
  const now = useNow();
  if (!task.dueTime) return null;
  const over = isOverdue(task, now);
  return (
    <span
      title={`Due ${absolute(task.dueTime)}`}
      className={cn(
        "inline-flex shrink-0 items-center gap-1 whitespace-nowrap text-xs tabular-nums",
        over ? "font-medium text-bad-text" : "text-muted",
        className,
      )}
    >
      <CalendarClock aria-hidden className="size-3.5 stroke-[1.5]" />
      <span className="sr-only">{over ? "overdue since" : "due"}</span>
      {dueWords(task.dueTime, now)}
    </span>
  );
}

/** What holds it up, how many parts of it are done, and how much is said about it. */
export function TieMarks({ task }: { task: Task }) {
  const open = task.openBlockers.length;
  return (
    <>
      {open > 0 ? (
        <Mark icon={<Ban />} words={`Blocked by ${plural(open, "task")}`} className="text-need-text">
          {open}
        </Mark>
      ) : null}
      {task.subtaskCount > 0 ? (
        <Mark
          icon={<ListTree />}
          words={`${task.doneSubtaskCount} of ${plural(task.subtaskCount, "part")} done`}
          className="hidden @md:inline-flex"
        >
          {task.doneSubtaskCount}/{task.subtaskCount}
        </Mark>
      ) : null}
      {task.commentCount > 0 ? (
        <Mark
          icon={<MessageSquare />}
          words={plural(task.commentCount, "comment")}
          className="hidden text-faint @2xl:inline-flex"
        >
          {task.commentCount}
        </Mark>
      ) : null}
    </>
  );
}

interface MarkProps {
  icon: ReactNode;
  words: string;
  className?: string;
  children: ReactNode;
}

function Mark({ icon, words, className, children }: MarkProps) {
  return (
    <span
      title={words}
      className={cn(
        "inline-flex shrink-0 items-center gap-1 text-muted text-xs tabular-nums [&_svg]:size-3.5 [&_svg]:stroke-[1.5]",
        className,
      )}
    >
      <span aria-hidden className="contents">
        {icon}
        {children}
      </span>
      <span className="sr-only">{words}</span>
    </span>
  );
}
