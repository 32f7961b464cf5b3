// What of the inbox is chosen to be decided together, and what became of the last that was.
import { useCallback, useMemo, useState } from "react";
import type { InboxItem } from "~/api/gen/schemas";
import { useMay } from "~/app/workspace/workspace";
import type { Fate } from "./use-batch";

export interface Choice {
  /** True where things can be chosen at all. */
  readonly may: boolean;
  /** In the order of the list; what is no longer open is no longer chosen. */
  readonly chosen: readonly InboxItem[];
  /** What became of those that were decided together, until it is read. */
  readonly fates: readonly Fate[] | null;
  toggle(item: InboxItem): void;
  keep(items: readonly InboxItem[]): void;
  all(): void;
  clear(): void;
  tell(fates: readonly Fate[]): void;
}

const NONE: ReadonlySet<string> = new Set();

export function useChoice(items: readonly InboxItem[], open: boolean): Choice {
  const may = useMay("ROLE_OPERATOR") && open;
  const [names, setNames] = useState(NONE);
  const [fates, setFates] = useState<readonly Fate[] | null>(null);
  const chosen = useMemo(() => (may ? items.filter(({ name }) => names.has(name)) : []), [items, names, may]);
  const keep = useCallback((kept: readonly InboxItem[]) => setNames(new Set(kept.map(({ name }) => name))), []);
  const toggle = useCallback((item: InboxItem) => {
    setFates(null);
    setNames((now) =>
      now.has(item.name) ? new Set([...now].filter((name) => name !== item.name)) : new Set([...now, item.name]),
    );
  }, []);
  const clear = useCallback(() => {
    setNames(NONE);
    setFates(null);
  }, []);
  const tell = useCallback((told: readonly Fate[]) => {
    setNames(NONE);
    setFates(told);
  }, []);
  return { may, chosen, fates: may ? fates : null, toggle, keep, all: () => keep(items), clear, tell };
}
