// What people say about a task: read, said and taken back.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { Task, TaskComment } from "~/api/gen/schemas";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { workspaceOf } from "~/shared/format/name";

/** Says something about a task. Sent again after a lost answer it is said once. */
export function useSayComment(task: Task) {
  const transport = useTransport();
  const queries = useQueryClient();
  const sent = useRef<{ text: string; requestId: string } | null>(null);
  return useMutation({
    mutationFn: async (text: string): Promise<TaskComment> => {
      if (sent.current?.text !== text) sent.current = { text, requestId: crypto.randomUUID() };
      const options = { on: task.name, body: { text }, idempotencyKey: sent.current.requestId };
      return (await call(transport, operations.createTaskComment, options)).taskComment;
    },
    onSuccess: () => {
      sent.current = null;
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: keys.tasks(workspaceOf(task.name)) });
      return queries.invalidateQueries({ queryKey: keys.comments(task.name) });
    },
  });
}

/** Takes back what one said oneself. */
export function useTakeBack(task: Task) {
  const transport = useTransport();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (comment: TaskComment) => {
      await call(transport, operations.deleteTaskComment, { on: comment.name });
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: keys.tasks(workspaceOf(task.name)) });
      return queries.invalidateQueries({ queryKey: keys.comments(task.name) });
    },
  });
}
