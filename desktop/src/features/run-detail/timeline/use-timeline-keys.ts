// Going through the timeline by keys.
import { useEffect, useRef } from "react";
import { useKeys } from "~/shared/keyboard/use-keys";
import { useFeed } from "../feed-context";
import { copy } from "../text/copy-button";
import type { Row } from "./entry-view";
import { copyText } from "./row-text";

interface TimelineKeys {
  rows: readonly Row[];
  /** -1 when none is. */
  selectedAt: number;
  onSelect: (id: string | null) => void;
  onToggle: (id: string) => void;
  toIndex: (index: number) => void;
  toEnd: () => void;
}

export function useTimelineKeys({ rows, selectedAt, onSelect, onToggle, toIndex, toEnd }: TimelineKeys): void {
  const { showRecords } = useFeed();
  const moved = useRef(false);
  const go = (index: number) => () => {
    const at = Math.min(rows.length - 1, Math.max(0, index));
    const row = rows[at];
    if (!row) return;
    moved.current = true;
    onSelect(row.id);
    toIndex(at);
  };
  // Where the keys go, the focus goes, once the row is in the page.
  useEffect(() => {
    if (!moved.current || selectedAt < 0) return;
    const row = document.querySelector<HTMLElement>(`[role=log] li[data-index="${selectedAt}"]`);
    if (!row) return;
    moved.current = false;
    row.focus({ preventScroll: true });
  });
  const row = rows[selectedAt];
  const down = go(selectedAt < 0 ? rows.length - 1 : selectedAt + 1);
  const up = go(selectedAt < 0 ? rows.length - 1 : selectedAt - 1);
  useKeys({
    j: down,
    arrowdown: down,
    k: up,
    arrowup: up,
    home: go(0),
    end: toEnd,
    ...(row
      ? {
          enter: () => onToggle(row.id),
          v: () => row.seqs.length > 0 && showRecords(row.seqs),
          y: () => void copy(copyText(row)),
          esc: () => onSelect(null),
        }
      : {}),
  });
}
