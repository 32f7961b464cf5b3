// A look at one task: what is to be done, by whom, and what its runs came to.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { AlarmClock, Play } from "lucide-react";
import { useRef, useState } from "react";
import type { Agent, Run, Task } from "~/api/gen/schemas";
import { runsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import { useWorkspace } from "~/app/workspace/workspace";
import { runCost } from "~/features/runs/words";
import { Avatar } from "~/features/team/avatar";
import { idOf } from "~/shared/format/name";
import { Button } from "~/shared/ui/button";
import { ProblemNote } from "~/shared/ui/problem-note";
import { Fact, Facts } from "~/shared/ui/screen";
import { RunStatus } from "~/shared/ui/status";
import { Ago, Since } from "~/shared/ui/time";
import { StartLater } from "./start-later";
import { TaskStanding } from "./task-standing";
import { useStartTask } from "./use-tasks";

interface TaskPeekProps {
  task: Task;
  agents: readonly Agent[];
  /** Its latest run, if that is known. */
  run: Run | undefined;
}

export function TaskPeek({ task, agents, run }: TaskPeekProps) {
  const assignee = agents.find((agent) => agent.name === task.assignee);
  return (
    <section aria-label={task.title} className="space-y-5 p-5">
      <div className="space-y-2">
        <TaskStanding task={task} run={run} />
        <h2 className="text-pretty break-words font-semibold text-lg">{task.title}</h2>
      </div>
      <Actions task={task} assignee={assignee} waits={(run?.openInboxItems ?? 0) > 0} />
      {task.brief ? (
        <p className="whitespace-pre-wrap break-words">{task.brief}</p>
      ) : (
        <p className="text-muted">No brief: the title says it all.</p>
      )}
      {task.acceptanceChecks.length > 0 ? (
        <div>
          <h3 className="mb-1.5 text-muted">It is done when</h3>
          <ul className="list-disc space-y-1 pl-5 marker:text-faint">
            {task.acceptanceChecks.map((check) => (
              <li key={check}>{check}</li>
            ))}
          </ul>
        </div>
      ) : null}
      <Facts>
        <Fact name="Assignee">
          {assignee ? (
            <span className="flex items-center gap-2">
              <Avatar agent={assignee} /> {assignee.displayName}
            </span>
          ) : (
            <span className="text-muted">{task.assignee ? "no longer on the team" : "nobody"}</span>
          )}
        </Fact>
        <Fact name="Made">
          <Since time={task.createTime} />
        </Fact>
      </Facts>
      <TaskRuns task={task} />
    </section>
  );
}

function Actions({ task, assignee, waits }: { task: Task; assignee: Agent | undefined; waits: boolean }) {
  const navigate = useNavigate();
  const start = useStartTask();
  const [later, setLater] = useState(false);
  const sent = useRef<{ at: string | undefined; requestId: string } | null>(null);
  const runs = task.state === "TASK_STATE_IN_PROGRESS";
  const startable = assignee !== undefined && !runs;
  const go = (startTime?: string) => {
    if (!sent.current || sent.current.at !== startTime)
      sent.current = { at: startTime, requestId: crypto.randomUUID() };
    start.mutate(
      { task: task.name, requestId: sent.current.requestId, startTime },
      { onSuccess: (run) => void navigate({ to: "/runs/$run", params: { run: idOf(run.name) } }) },
    );
  };
  return (
    <div className="space-y-3">
      <div className="flex flex-wrap gap-2">
        {startable ? (
          <Button look="primary" busy={start.isPending} onClick={() => go()}>
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
      {!startable && !runs ? (
        <p className="text-muted">It needs an assignee who is on the team before it can start.</p>
      ) : null}
      {start.error && !later ? <ProblemNote problem={start.error} /> : null}
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

function TaskRuns({ task }: { task: Task }) {
  const runs = useInfiniteQuery({
    ...runsQuery(useTransport(), useWorkspace(), { task: task.name }),
    refetchInterval: usePolling(),
    enabled: task.latestRun !== "",
  });
  const all: Run[] = runs.data?.pages.flatMap((page) => page.runs) ?? [];
  if (all.length === 0) return null;
  return (
    <div>
      <h3 className="mb-1.5 text-muted">Runs</h3>
      <ul className="divide-y rounded-panel border">
        {all.map((run) => (
          <li key={run.name}>
            <Link
              to="/runs/$run"
              params={{ run: idOf(run.name) }}
              className="flex h-9 items-center gap-3 px-3 hover:bg-hover"
            >
              <RunStatus run={run} />
              <span className="ml-auto text-muted tabular-nums">{runCost(run)}</span>
              <Ago time={run.createTime} className="w-12 text-right text-muted tabular-nums" />
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}
