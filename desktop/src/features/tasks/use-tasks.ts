// Writing tasks: making one, and starting a run of it.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { Run, Task } from "~/api/gen/schemas";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";

interface Start {
  task: string;
  /** Stays the same when the same start is sent again. */
  requestId: string;
  /** When, as RFC 3339; at once when absent. */
  startTime?: string | undefined;
}

/** Starts a run of a task by its assignee's latest version. */
export function useStartTask() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ task, requestId, startTime }: Start): Promise<Run> => {
      const body = startTime ? { startTime } : {};
      const { run } = await call(transport, operations.startTask, { on: task, body, idempotencyKey: requestId });
      return run;
    },
    onSuccess: (run) => queries.setQueryData(keys.run(run.name), run),
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: keys.tasks(workspace) });
      void queries.invalidateQueries({ queryKey: keys.runs(workspace) });
    },
  });
}

export interface TaskContent {
  title: string;
  brief: string;
  assignee: string;
  acceptanceChecks: string[];
}

/** Puts a task on the board. Sending it again with the same `requestId` makes nothing twice. */
export function useCreateTask() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ content, requestId }: { content: TaskContent; requestId: string }): Promise<Task> => {
      const options = { on: workspace, body: content, idempotencyKey: requestId };
      return (await call(transport, operations.createTask, options)).task;
    },
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.tasks(workspace) }),
  });
}
