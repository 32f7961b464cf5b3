// Writing channels: making, changing, testing and deleting them, new secrets, and sending deliveries again.
import { type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { Channel, Delivery } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { type ChannelDraft, contentOf, maskOf } from "./draft";

/** A channel with the secret that is in this reply alone; empty where there is none. */
export interface Made {
  channel: Channel;
  secret: string;
}

const readAgain = (queries: QueryClient, workspace: string): void => {
  void queries.invalidateQueries({ queryKey: keys.channels(workspace) });
  void queries.invalidateQueries({ queryKey: keys.deliveries(workspace) });
};

const tell = (thrown: unknown): void => void toast.error(asProblem(thrown).detail);

/** Makes a channel. Not to be repeated blindly: its secret is in this reply alone. */
export function useMakeChannel() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (draft: ChannelDraft): Promise<Made> => {
      const body = { ...contentOf(draft), format: draft.format, url: draft.url };
      return call(transport, operations.createChannel, { on: workspace, body });
    },
    onSettled: () => readAgain(queries, workspace),
  });
}

/** Saves a channel, if it is still as it was read. */
export function useSaveChannel(channel: Channel) {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (draft: ChannelDraft): Promise<Channel> => {
      const mask = maskOf(channel.format);
      const body = { ...contentOf(draft), ...(mask.includes("url") ? { url: draft.url } : {}) };
      const options = { on: channel.name, query: { updateMask: mask }, body, ifMatch: channel.etag };
      return (await call(transport, operations.updateChannel, options)).channel;
    },
    onSuccess: (saved) => queries.setQueryData(keys.channel(saved.name), saved),
    onSettled: () => readAgain(queries, workspace),
  });
}

/** Turns a channel off, or on again. */
export function useTurnChannel(channel: string) {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (disabled: boolean): Promise<Channel> =>
      (await call(transport, operations.updateChannel, { on: channel, body: { disabled } })).channel,
    onSuccess: (saved) => queries.setQueryData(keys.channel(saved.name), saved),
    onError: tell,
    onSettled: () => readAgain(queries, workspace),
  });
}

/** Sends a test. */
export function useTestChannel(channel: string) {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (): Promise<Delivery> =>
      (await call(transport, operations.testChannel, { on: channel, body: {} })).delivery,
    onSuccess: () => void toast.success("A test is on its way; what becomes of it is among the deliveries."),
    onError: tell,
    onSettled: () => readAgain(queries, workspace),
  });
}

/** Replaces the secret: of a webhook by a new one, of a Slack channel by the address that is given. */
export function useRotateSecret(channel: string) {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (url: string): Promise<Made> =>
      call(transport, operations.rotateChannelSecret, { on: channel, body: url ? { url } : {} }),
    onSuccess: ({ channel: saved }) => queries.setQueryData(keys.channel(saved.name), saved),
    onSettled: () => readAgain(queries, workspace),
  });
}

/** Deletes a channel with its deliveries, sent or not. */
export function useDeleteChannel() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (channel: Channel) => {
      await call(transport, operations.deleteChannel, { on: channel.name });
    },
    onSuccess: (_done, channel) => void toast.success(`${channel.displayName} is deleted.`),
    onError: tell,
    onSettled: () => readAgain(queries, workspace),
  });
}

/** Sends a delivery again, under the same id. */
export function useReplay() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (delivery: string): Promise<Delivery> =>
      (await call(transport, operations.replayDelivery, { on: delivery, body: {} })).delivery,
    onError: tell,
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.deliveries(workspace) }),
  });
}
