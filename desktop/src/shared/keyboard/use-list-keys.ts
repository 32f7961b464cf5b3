// Moving through a list with J and K (or the arrows), opening with Enter, closing the peek with Esc.
import { useKeys } from "./use-keys";

interface ListKeys {
  /** Ids in the order they are shown. */
  ids: readonly string[];
  selected: string | null;
  onSelect: (id: string | null) => void;
  onOpen?: (id: string) => void;
  enabled?: boolean;
}

/** The neighbour of `selected`: at the ends it stays, and without a selection it begins at the top. */
export function neighbour(ids: readonly string[], selected: string | null, step: 1 | -1): string | null {
  const at = selected === null ? -1 : ids.indexOf(selected);
  if (at === -1) return ids[0] ?? null;
  return ids[at + step] ?? selected;
}

export function useListKeys({ ids, selected, onSelect, onOpen, enabled = true }: ListKeys): void {
  const move = (step: 1 | -1) => () => onSelect(neighbour(ids, selected, step));
  useKeys(
    {
      j: move(1),
      arrowdown: move(1),
      k: move(-1),
      arrowup: move(-1),
      ...(onOpen && selected !== null ? { enter: () => onOpen(selected) } : {}),
      ...(selected === null ? {} : { esc: () => onSelect(null) }),
    },
    enabled,
  );
}
