// Answering one inbox item: whatever is sent twice is sent under the same key.
import { useRef } from "react";
import type { Decision, InboxItem } from "~/api/gen/schemas";
import type { Answering } from "./item-peek";
import { useDecide } from "./use-decide";

export function useAnswering(item: InboxItem, onDecided?: () => void): Answering {
  const deciding = useDecide();
  const sent = useRef<{ json: string; requestId: string } | null>(null);
  const decide = (decision: Decision) => {
    if (deciding.isPending) return;
    const json = JSON.stringify([item.name, decision]);
    if (sent.current?.json !== json) sent.current = { json, requestId: crypto.randomUUID() };
    deciding.mutate({ item, decision, requestId: sent.current.requestId });
    onDecided?.();
  };
  return { item, busy: deciding.isPending, decide };
}
