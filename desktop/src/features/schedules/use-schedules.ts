// Writing schedules: making, changing, deleting them, stopping their clock, and firing them by hand.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { Schedule } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { contentOf, type ScheduleDraft } from "./draft";

/** Makes a schedule. Sending it again with the same `requestId` makes nothing twice. */
export function useMakeSchedule() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ draft, requestId }: { draft: ScheduleDraft; requestId: string }): Promise<Schedule> => {
      const options = { on: workspace, body: contentOf(draft), idempotencyKey: requestId };
      return (await call(transport, operations.createSchedule, options)).schedule;
    },
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.schedules(workspace) }),
  });
}

/** Saves a schedule, if it is still as it was read. */
export function useSaveSchedule(schedule: Schedule) {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (draft: ScheduleDraft): Promise<Schedule> => {
      const options = { on: schedule.name, body: contentOf(draft), ifMatch: schedule.etag };
      return (await call(transport, operations.updateSchedule, options)).schedule;
    },
    onSuccess: (saved) => queries.setQueryData(keys.schedule(saved.name), saved),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.schedules(workspace) }),
  });
}

const CLOCKS = { pause: operations.pauseSchedule, resume: operations.resumeSchedule } as const;

/** Stops a schedule's clock, or lets it go on. */
export function useScheduleClock(schedule: string) {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (order: keyof typeof CLOCKS): Promise<Schedule> =>
      (await call(transport, CLOCKS[order], { on: schedule, body: {} })).schedule,
    onSuccess: (saved) => queries.setQueryData(keys.schedule(saved.name), saved),
    onError: (thrown) => toast.error(asProblem(thrown).detail),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.schedules(workspace) }),
  });
}

/** Fires a schedule now. */
export function useFire(schedule: string) {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (requestId: string) => {
      const options = { on: schedule, body: {}, idempotencyKey: requestId };
      return (await call(transport, operations.runSchedule, options)).fire;
    },
    onSuccess: () => void toast.success("It fires now; its run is in the history in a moment."),
    onError: (thrown) => toast.error(asProblem(thrown).detail),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.schedules(workspace) }),
  });
}

/** Deletes a schedule with its history; what it started stays. */
export function useDeleteSchedule() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (schedule: Schedule) => {
      await call(transport, operations.deleteSchedule, { on: schedule.name });
    },
    onSuccess: (_done, schedule) => void toast.success(`${schedule.displayName} is deleted. What it started stays.`),
    onError: (thrown) => toast.error(asProblem(thrown).detail),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.schedules(workspace) }),
  });
}
