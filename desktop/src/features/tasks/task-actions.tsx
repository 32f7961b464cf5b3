// Starting a task now or later, and the ways to its run.
import { Link, useNavigate } from "@tanstack/react-router";
import { AlarmClock, Play } from "lucide-react";
import { useRef, useState } from "react";
import type { Agent, Task } from "~/api/gen/schemas";
import { idOf } from "~/shared/format/name";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Refused } from "./in-place";
import { StartLater } from "./start-later";
import { useStartTask } from "./use-tasks";

interface TaskActionsProps {
  task: Task;
  assignee: Agent | undefined;
  /** True while its run waits for a person. */
  waits: boolean;
}

export function TaskActions({ task, assignee, waits }: TaskActionsProps) {
  const navigate = useNavigate();
  const start = useStartTask();
  const [later, setLater] = useState(false);
  const sent = useRef<{ at: string | undefined; requestId: string } | null>(null);
  const runs = task.state === "TASK_STATE_IN_PROGRESS";
  const open = task.openBlockers.length;
  const startable = assignee !== undefined && !runs && open === 0;
  const go = (startTime?: string) => {
    if (!sent.current || sent.current.at !== startTime)
      sent.current = { at: startTime, requestId: crypto.randomUUID() };
    start.mutate(
      { task: task.name, requestId: sent.current.requestId, startTime },
      { onSuccess: (run) => void navigate({ to: "/runs/$run", params: { run: idOf(run.name) } }) },
    );
  };
  useKeys({ s: () => go() }, startable && !start.isPending && !later);
  return (
    <div className="space-y-3">
      <div className="flex flex-wrap gap-2">
        {startable ? (
          <Button look="primary" hotkey="s" busy={start.isPending} onClick={() => go()}>
            <Play aria-hidden />
            {start.isPending ? "Starting..." : task.latestRun ? "Run it again" : "Start"}
          </Button>
        ) : null}
        {startable ? (
          <Button onClick={() => setLater(true)}>
            <AlarmClock aria-hidden />
            Start later...
          </Button>
        ) : null}
        {waits ? (
          <Button look="primary" asChild>
            <Link to="/inbox">Answer it</Link>
          </Button>
        ) : null}
        {task.latestRun ? (
          <Button look={runs && !waits ? "primary" : "plain"} hotkey="enter" asChild>
            <Link to="/runs/$run" params={{ run: idOf(task.latestRun) }}>
              {runs ? "Watch it" : "Open its latest run"}
            </Link>
          </Button>
        ) : null}
      </div>
      {open > 0 && !runs ? (
        <p className="text-pretty text-muted">
          It can start when {open === 1 ? "what it waits for is" : `the ${open} tasks it waits for are`} done. Nothing
          starts by itself then.
        </p>
      ) : !startable && !runs ? (
        <p className="text-muted">It needs an assignee who is on the team before it can start.</p>
      ) : null}
      {later ? null : <Refused error={start.error} />}
      {later ? (
        <StartLater
          task={task}
          busy={start.isPending}
          problem={start.error}
          onClose={() => setLater(false)}
          onStart={(startTime) => go(startTime)}
        />
      ) : null}
    </div>
  );
}
