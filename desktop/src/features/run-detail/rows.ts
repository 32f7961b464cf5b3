// What a run's timeline shows beside its journal, and what of it waits for a person.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { commandsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import type { CallEntry, Timeline as TimelineOf } from "./journal/entries";
import { orderId } from "./journal/orders";
import type { RequestedOrder } from "./timeline/entry-view";

/** Calls that wait for a person, oldest first. */
export function waitingCalls({ entries, waiting }: TimelineOf): CallEntry[] {
  if (waiting.length === 0) return [];
  const ids = new Set(waiting);
  return entries.filter((entry): entry is CallEntry => entry.kind === "call" && ids.has(entry.id));
}

/** Orders that are stored and that no worker has read: the journal does not have them yet. */
export function useRequested(run: string, { entries }: TimelineOf): readonly RequestedOrder[] {
  const commands = useQuery({ ...commandsQuery(useTransport(), run), refetchInterval: usePolling() });
  return useMemo(() => {
    const open = (commands.data ?? []).filter(({ state }) => state === "COMMAND_STATE_REQUESTED");
    if (open.length === 0) return [];
    const known = new Set(entries.map((entry) => entry.id));
    return open
      .filter(({ name }) => !known.has(orderId(name)))
      .map(({ name, kind, requester, reason, text, interrupt, requestTime }) => ({
        kind: "requested" as const,
        id: orderId(name),
        time: requestTime,
        seqs: [],
        order: {
          order: kind,
          by: requester,
          reason,
          text,
          interrupt,
          requestTime,
          deliverTime: undefined,
          effectTime: undefined,
          state: "requested" as const,
        },
      }))
      .reverse();
  }, [commands.data, entries]);
}
