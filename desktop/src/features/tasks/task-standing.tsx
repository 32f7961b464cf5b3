// How a task stands: while a run of it is at work, or was stopped, that run says more than the task does.
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Run, Task } from "~/api/gen/schemas";
import { runsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import { useWorkspace } from "~/app/workspace/workspace";
import { RunStatus, TaskStatus } from "~/shared/ui/status";

/** The workspace's newest runs by their names; undefined while they are not read. */
export function useLatestRuns(): ReadonlyMap<string, Run> | undefined {
  const list = useInfiniteQuery({ ...runsQuery(useTransport(), useWorkspace()), refetchInterval: usePolling() });
  return useMemo(
    () => list.data && new Map(list.data.pages.flatMap((page) => page.runs).map((run) => [run.name, run])),
    [list.data],
  );
}

export function TaskStanding({ task, run }: { task: Task; run: Run | undefined }) {
  const told = run && (task.state === "TASK_STATE_IN_PROGRESS" || task.state === "TASK_STATE_STOPPED");
  return told ? <RunStatus run={run} /> : <TaskStatus state={task.state} />;
}
