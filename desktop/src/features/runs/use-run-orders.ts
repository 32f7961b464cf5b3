// Orders to a run (pause, resume, cancel, steer, retry): each is sent once, and its receipt shows how far it has come.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { CommandKind, Run } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { workspaceOf } from "~/shared/format/name";

export type Order = "pause" | "resume" | "cancel" | "steer" | "retry";

const CALLS = {
  pause: operations.pauseRun,
  resume: operations.resumeRun,
  cancel: operations.cancelRun,
  steer: operations.steerRun,
  retry: operations.retryRun,
} as const;
/** What is shown as under way at once; a message to the agent changes nothing of how the run stands. */
const KINDS: Partial<Record<Order, CommandKind>> = {
  pause: "COMMAND_KIND_PAUSE",
  resume: "COMMAND_KIND_RESUME",
  cancel: "COMMAND_KIND_CANCEL",
  retry: "COMMAND_KIND_RETRY",
};

interface Sent {
  order: Order;
  reason?: string;
  /** Of `steer`: what the agent reads. */
  text?: string;
  /** Of `pause` and `steer`: the model call that is under way is not waited for. */
  interrupt?: boolean;
  /** The same for the same thing sent again; a new one by default. */
  requestId?: string;
}

/** Orders to `run`. What is shown at once is "pausing...", never "paused". */
export function useRunOrders(run: string) {
  const transport = useTransport();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ order, reason, text, interrupt, requestId }: Sent) => {
      const body = { reason, text, interrupt: interrupt || undefined };
      const options = { on: run, body, idempotencyKey: requestId ?? crypto.randomUUID() };
      const { command } = await call(transport, CALLS[order], options);
      return command;
    },
    onMutate: ({ order }) => {
      const before = queries.getQueryData<Run>(keys.run(run));
      const pendingCommand = KINDS[order];
      if (before && pendingCommand) queries.setQueryData<Run>(keys.run(run), { ...before, pendingCommand });
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
