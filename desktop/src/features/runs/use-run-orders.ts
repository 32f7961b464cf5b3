// Pausing, resuming and cancelling a run: an order is sent once, and its receipt shows how far it has come.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { CommandKind, Run } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { workspaceOf } from "~/shared/format/name";

export type Order = "pause" | "resume" | "cancel";

const CALLS = { pause: operations.pauseRun, resume: operations.resumeRun, cancel: operations.cancelRun } as const;
const KINDS: Record<Order, CommandKind> = {
  pause: "COMMAND_KIND_PAUSE",
  resume: "COMMAND_KIND_RESUME",
  cancel: "COMMAND_KIND_CANCEL",
};

/** Orders to `run`. What is shown at once is "pausing...", never "paused". */
export function useRunOrders(run: string) {
  const transport = useTransport();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ order, reason = "" }: { order: Order; reason?: string }) => {
      const options = { on: run, body: { reason }, idempotencyKey: crypto.randomUUID() };
      const { command } = await call(transport, CALLS[order], options);
      return command;
    },
    onMutate: ({ order }) => {
      const before = queries.getQueryData<Run>(keys.run(run));
      if (before) queries.setQueryData<Run>(keys.run(run), { ...before, pendingCommand: KINDS[order] });
      return { before };
    },
    onError: (thrown, _order, context) => {
      if (context?.before) queries.setQueryData<Run>(keys.run(run), context.before);
      toast.error(asProblem(thrown).detail);
    },
    onSettled: () => {
      for (const queryKey of [keys.run(run), keys.commands(run), keys.runs(workspaceOf(run))]) {
        void queries.invalidateQueries({ queryKey });
      }
    },
  });
}
