// A look at one task: what is to be done and by when, by whom, what ties it to others, what its runs came to and what people
// say; everything of it is changed where it stands.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Agent, Run, Task } from "~/api/gen/schemas";
import { runsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import { useMay, useWorkspace } from "~/app/workspace/workspace";
import { runCost } from "~/features/runs/words";
import { idOf } from "~/shared/format/name";
import { RunStatus } from "~/shared/ui/status";
import { Ago } from "~/shared/ui/time";
import { TaskActions } from "./task-actions";
import { Comments } from "./task-comments";
import { TaskFacts } from "./task-facts";
import { TaskStanding } from "./task-standing";
import { BriefPart, ChecksPart, TitlePart } from "./task-text";
import { Blockers, Head, Parts } from "./task-ties";

interface TaskPeekProps {
  task: Task;
  agents: readonly Agent[];
  /** Its latest run, if that is known. */
  run: Run | undefined;
}

export function TaskPeek({ task, agents, run }: TaskPeekProps) {
  const may = useMay("ROLE_OPERATOR");
  const assignee = agents.find((agent) => agent.name === task.assignee);
  return (
    <section aria-label={task.title} className="space-y-5 p-5">
      <div className="space-y-2">
        <TaskStanding task={task} run={run} />
        <TitlePart task={task} may={may} />
      </div>
      {may ? (
        <TaskActions task={task} assignee={assignee} waits={(run?.openInboxItems ?? 0) > 0} />
      ) : (
        <p className="text-muted">You may look; starting and changing tasks takes an operator.</p>
      )}
      <BriefPart task={task} may={may} />
      <ChecksPart task={task} may={may} />
      <TaskFacts task={task} agents={agents} may={may} />
      <Blockers task={task} may={may} />
      <Parts task={task} may={may} />
      <TaskRuns task={task} />
      <Comments task={task} may={may} />
    </section>
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
      <Head title="Runs" count={all.length} />
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
