// Changing or starting several tasks at once: sent together, told one by one.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { Task, TaskRefusal } from "~/api/gen/schemas";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { patchOf, type TaskChange } from "./use-tasks";

/** Tasks that one request may change or start. */
export const MOST = 100;

/** What became of one task. */
export interface Fate {
  readonly name: string;
  readonly task: Task;
  readonly done: "changed" | "started";
  readonly refusal: TaskRefusal | undefined;
}

/** What is to be done with several tasks. */
export type Order =
  | { readonly kind: "change"; readonly tasks: readonly Task[]; readonly changeOf: (task: Task) => TaskChange }
  | { readonly kind: "start"; readonly tasks: readonly Task[]; readonly startTime?: string };

/** Carries out an order. Sent again after a lost answer it does what is left, and answers for the rest as before. */
export function useBatch() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  const sent = useRef<{ json: string; requestId: string } | null>(null);
  const keyOf = (entries: object): string => {
    const json = JSON.stringify(entries);
    if (sent.current?.json !== json) sent.current = { json, requestId: crypto.randomUUID() };
    return sent.current.requestId;
  };
  const change = async (order: Order & { kind: "change" }) => {
    const updates = order.tasks.map((task) => {
      const wanted = order.changeOf(task);
      const { updateMask, values } = patchOf(wanted);
      // What is made of what it was holds only as long as it is that.
      const etag = wanted.labels === undefined ? {} : { etag: task.etag };
      return { task: { name: task.name, title: task.title, ...values, ...etag }, updateMask };
    });
    const options = { on: workspace, body: { updates }, idempotencyKey: keyOf(updates) };
    return (await call(transport, operations.batchUpdateTasks, options)).results;
  };
  const start = async ({ tasks, startTime }: Order & { kind: "start" }) => {
    const starts = tasks.map(({ name }) => ({ name, ...(startTime ? { startTime } : {}) }));
    const options = { on: workspace, body: { starts }, idempotencyKey: keyOf(starts) };
    return (await call(transport, operations.batchStartTasks, options)).results;
  };
  return useMutation({
    mutationFn: async (order: Order): Promise<Fate[]> => {
      const results = order.kind === "change" ? await change(order) : await start(order);
      const done = order.kind === "change" ? "changed" : "started";
      return order.tasks.flatMap((task, index) => {
        const result = results.find(({ name }) => name === task.name) ?? results[index];
        return result ? [{ name: task.name, task, done, refusal: result.refusal }] : [];
      });
    },
    onSuccess: () => {
      sent.current = null;
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: keys.tasks(workspace) });
      void queries.invalidateQueries({ queryKey: [workspace, "task"] });
      void queries.invalidateQueries({ queryKey: keys.runs(workspace) });
    },
  });
}
