// Writing tasks: making one, changing it in place, and starting a run of it.
import { type InfiniteData, type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { ListTasksResponse, Run, Task, TaskPriority, TaskSource } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { workspaceOf } from "~/shared/format/name";

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
  brief?: string;
  assignee?: string;
  acceptanceChecks?: string[];
  priority?: TaskPriority;
  labels?: string[];
  dueTime?: string;
  parentTask?: string;
  source?: TaskSource;
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
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: keys.tasks(workspace) });
      void queries.invalidateQueries({ queryKey: [workspace, "task"] });
    },
  });
}

/** What of a task people change; null takes it out. */
export type TaskChange = Partial<
  Pick<Task, "title" | "brief" | "assignee" | "acceptanceChecks" | "priority" | "labels" | "parentTask" | "blockedBy">
> & { dueTime?: string | null; source?: TaskSource | null };

/** The fields that change, as the contract masks them, and their values without those that are taken out. */
export function patchOf(change: TaskChange) {
  const { dueTime, source, ...rest } = change;
  return {
    updateMask: Object.keys(change).join(","),
    values: { ...rest, ...(dueTime ? { dueTime } : {}), ...(source ? { source } : {}) },
  };
}

/** Shows a task as it is now, wherever it is shown. */
function show(queries: QueryClient, name: string, now: (task: Task) => Task): void {
  queries.setQueryData<Task>(keys.task(name), (task) => task && now(task));
  queries.setQueriesData<InfiniteData<ListTasksResponse>>(
    { queryKey: keys.tasks(workspaceOf(name)) },
    (data) =>
      data?.pages && {
        ...data,
        pages: data.pages.map((page) => ({
          ...page,
          tasks: page.tasks.map((task) => (task.name === name ? now(task) : task)),
        })),
      },
  );
}

interface Change {
  readonly change: TaskChange;
  /** The task as it was shown when it was changed. */
  readonly before: Task;
}

/**
 * Changes a task. The change is seen at once, and is taken back if it is refused; `ETAG_MISMATCH` only where somebody else has
 * changed the very same fields meanwhile.
 */
export function useChangeTask(task: Task) {
  const transport = useTransport();
  const queries = useQueryClient();
  const send = async ({ change, before }: Change, ifMatch: string): Promise<Task> => {
    const { updateMask, values } = patchOf(change);
    const options = { on: before.name, query: { updateMask }, body: values, ifMatch };
    return (await call(transport, operations.updateTask, options)).task;
  };
  const mutation = useMutation({
    // One after the other: each needs the etag that the one before has left.
    scope: { id: task.name },
    mutationFn: async (order: Change): Promise<Task> => {
      const { change, before } = order;
      const saved = queries.getQueryData<Task>(savedKey(before.name));
      const newer = saved !== undefined && (saved.updateTime ?? "") > (before.updateTime ?? "");
      try {
        return await send(order, newer ? saved.etag : before.etag);
      } catch (thrown) {
        if (asProblem(thrown).reason !== "ETAG_MISMATCH") throw thrown;
        const { task: now } = await call(transport, operations.getTask, { on: before.name });
        const fields = Object.keys(change) as (keyof TaskChange)[];
        if (fields.some((field) => JSON.stringify(now[field]) !== JSON.stringify(before[field]))) throw thrown;
        return await send(order, now.etag);
      }
    },
    onMutate: ({ change, before }) => show(queries, before.name, (now) => changed(now, change)),
    onError: (_thrown, { change, before }) => {
      const fields = Object.keys(change) as (keyof TaskChange)[];
      const was = Object.fromEntries(fields.map((field) => [field, before[field]]));
      show(queries, before.name, (now) => ({ ...now, ...was }));
    },
    onSuccess: (saved) => {
      queries.setQueryData(savedKey(saved.name), saved);
      show(queries, saved.name, () => saved);
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: keys.tasks(workspaceOf(task.name)) });
      // Its neighbours show it too, and what ties them.
      void queries.invalidateQueries({ queryKey: [workspaceOf(task.name), "task"] });
    },
  });
  return {
    change: (change: TaskChange) => mutation.mutateAsync({ change, before: task }),
    /** Leaves what goes wrong to `error`. */
    set: (change: TaskChange) => mutation.mutate({ change, before: task }),
    error: mutation.error,
    reset: mutation.reset,
    isPending: mutation.isPending,
  };
}

/** What the last change of a task has left; newer than what lists show for a moment. */
const savedKey = (name: string) => [...keys.task(name), "saved"];

function changed(task: Task, { dueTime, source, ...rest }: TaskChange): Task {
  return {
    ...task,
    ...rest,
    ...(dueTime === undefined ? {} : { dueTime: dueTime ?? undefined }),
    ...(source === undefined ? {} : { source: source ?? undefined }),
  };
}
