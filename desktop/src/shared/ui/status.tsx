// How a run, a task or an order stands: colour, shape and word together, so that none of them is needed alone.
import { Check, CircleDashed, CircleHelp, Pause, Slash, X } from "lucide-react";
import type { ReactNode } from "react";
import type { CommandKind, Run, RunState, TaskState, WaitReason } from "~/api/gen/schemas";
import { cn } from "./cn";

/** How a state looks; several states may look alike. */
export type Look = "queued" | "running" | "needsYou" | "paused" | "succeeded" | "failed" | "cancelled" | "unknown";

const COLOURS: Record<Look, string> = {
  queued: "text-faint",
  running: "text-accent-text",
  needsYou: "text-need-text",
  paused: "text-muted",
  succeeded: "text-good-text",
  failed: "text-bad-text",
  cancelled: "text-muted",
  unknown: "text-muted",
};

const SHAPES: Record<Look, ReactNode> = {
  queued: <CircleDashed />,
  running: (
    <span className="relative grid size-4 place-items-center">
      <span className="absolute size-3.5 animate-breathe rounded-full border-[1.5px] border-accent" />
      <span className="size-1.5 rounded-full bg-accent" />
    </span>
  ),
  needsYou: <span className="size-2.5 rounded-full bg-need" />,
  paused: <Pause />,
  succeeded: <Check className="!stroke-2 text-good" />,
  failed: <X className="!stroke-2 text-bad" />,
  cancelled: <Slash />,
  unknown: <CircleHelp />,
};

/** A state as a shape, and its word unless `silent`. */
export function Status({ look, word, silent = false }: { look: Look; word: string; silent?: boolean }) {
  return (
    <span
      className={cn(
        "inline-flex items-center gap-1.5 whitespace-nowrap [&_svg]:size-4 [&_svg]:stroke-[1.5]",
        COLOURS[look],
      )}
    >
      <span aria-hidden className="grid size-4 shrink-0 place-items-center">
        {SHAPES[look]}
      </span>
      <span className={silent ? "sr-only" : undefined}>{word}</span>
    </span>
  );
}

const WAITS: Partial<Record<WaitReason, string>> = {
  WAIT_REASON_APPROVAL: "needs approval",
  WAIT_REASON_INPUT: "asks you",
  WAIT_REASON_OUTCOME: "outcome unknown",
  WAIT_REASON_TIMER: "waits for a time",
  WAIT_REASON_QUOTA: "waits for quota",
  WAIT_REASON_CHILD: "waits for teammates",
};

/** What a run waits for without needing anybody. */
const BY_ITSELF: readonly WaitReason[] = ["WAIT_REASON_TIMER", "WAIT_REASON_QUOTA", "WAIT_REASON_CHILD"];

const PENDING: Partial<Record<CommandKind, string>> = {
  COMMAND_KIND_PAUSE: "pausing...",
  COMMAND_KIND_RESUME: "resuming...",
  COMMAND_KIND_CANCEL: "cancelling...",
  COMMAND_KIND_RETRY: "going on...",
};

const RUN_LOOKS: Partial<Record<RunState, [Look, string]>> = {
  RUN_STATE_QUEUED: ["queued", "queued"],
  RUN_STATE_RUNNING: ["running", "running"],
  RUN_STATE_WAITING: ["needsYou", "waiting"],
  RUN_STATE_PAUSED: ["paused", "paused"],
  RUN_STATE_SUCCEEDED: ["succeeded", "succeeded"],
  RUN_STATE_FAILED: ["failed", "failed"],
  RUN_STATE_CANCELLED: ["cancelled", "cancelled"],
};

type RunStanding = Pick<Run, "state" | "waitReason" | "pendingCommand">;

/** Look and word of a run. An order that is not effective yet is said as such: "pausing..." is not "paused". */
export function runLook({ state, waitReason, pendingCommand }: RunStanding): [look: Look, word: string] {
  const [look, word] = RUN_LOOKS[state] ?? ["unknown", "unknown state"];
  if (hasEnded(state) && pendingCommand !== "COMMAND_KIND_RETRY") return [look, word];
  const pending = PENDING[pendingCommand];
  if (pending) return [look, pending];
  if (state !== "RUN_STATE_WAITING") return [look, word];
  return [BY_ITSELF.includes(waitReason) ? "queued" : look, WAITS[waitReason] ?? word];
}

/** True when nothing more will happen in a run. */
export const hasEnded = (state: RunState): boolean =>
  state === "RUN_STATE_SUCCEEDED" || state === "RUN_STATE_FAILED" || state === "RUN_STATE_CANCELLED";

export function RunStatus({ run, silent = false }: { run: RunStanding; silent?: boolean }) {
  const [look, word] = runLook(run);
  return <Status look={look} word={word} silent={silent} />;
}

const TASK_LOOKS: Partial<Record<TaskState, [Look, string]>> = {
  TASK_STATE_OPEN: ["queued", "open"],
  TASK_STATE_IN_PROGRESS: ["running", "in progress"],
  TASK_STATE_DONE: ["succeeded", "done"],
  TASK_STATE_STOPPED: ["failed", "stopped"],
};

export function TaskStatus({ state, silent = false }: { state: TaskState; silent?: boolean }) {
  const [look, word] = TASK_LOOKS[state] ?? ["unknown", "unknown state"];
  return <Status look={look} word={word} silent={silent} />;
}
