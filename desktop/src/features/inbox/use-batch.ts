// Deciding several items at once: sent together, told one by one.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { Decision, InboxItem, ItemDecisionResult } from "~/api/gen/schemas";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";

/** Items that one request may decide. */
export const MOST = 100;

/** What became of one item. */
export interface Fate {
  readonly item: InboxItem;
  readonly result: ItemDecisionResult;
}

interface Batch {
  items: readonly InboxItem[];
  decision: Decision;
}

/** Decides `items` alike. Sent again after a lost answer it decides what is left, and answers for the rest as before. */
export function useBatch() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  const sent = useRef<{ json: string; requestId: string } | null>(null);
  return useMutation({
    mutationFn: async ({ items, decision }: Batch): Promise<Fate[]> => {
      const decisions = items.map(({ name }) => ({ name, decision }));
      const json = JSON.stringify(decisions);
      if (sent.current?.json !== json) sent.current = { json, requestId: crypto.randomUUID() };
      const { results } = await call(transport, operations.batchDecideInboxItems, {
        on: workspace,
        body: { decisions },
        idempotencyKey: sent.current.requestId,
      });
      return items.flatMap((item, index) => {
        const result = results.find(({ name }) => name === item.name) ?? results[index];
        return result ? [{ item, result }] : [];
      });
    },
    onSuccess: () => {
      sent.current = null;
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: keys.inbox(workspace) });
      void queries.invalidateQueries({ queryKey: keys.runs(workspace) });
    },
  });
}
