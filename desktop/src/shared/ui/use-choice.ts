// What of a list is chosen to be dealt with together, and what became of the last that was.
import { useCallback, useMemo, useState } from "react";

interface Named {
  readonly name: string;
}

export interface Choice<Item extends Named, Fate> {
  /** True where things can be chosen at all. */
  readonly may: boolean;
  /** In the order of the list; what is no longer listed is no longer chosen. */
  readonly chosen: readonly Item[];
  /** What became of those that were dealt with together, until it is read. */
  readonly fates: readonly Fate[] | null;
  toggle(item: Item): void;
  keep(items: readonly Item[]): void;
  all(): void;
  clear(): void;
  tell(fates: readonly Fate[]): void;
}

const NONE: ReadonlySet<string> = new Set();

export function useChoice<Item extends Named, Fate>(items: readonly Item[], may: boolean): Choice<Item, Fate> {
  const [names, setNames] = useState(NONE);
  const [fates, setFates] = useState<readonly Fate[] | null>(null);
  const chosen = useMemo(() => (may ? items.filter(({ name }) => names.has(name)) : []), [items, names, may]);
  const keep = useCallback((kept: readonly Item[]) => setNames(new Set(kept.map(({ name }) => name))), []);
  const toggle = useCallback((item: Item) => {
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
