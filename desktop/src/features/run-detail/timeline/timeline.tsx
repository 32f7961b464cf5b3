// The journal as it grows: only what is in view is in the page, the end is followed until somebody scrolls away from it.
import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import { type FocusEvent, type UIEvent, useCallback, useEffect, useRef, useState } from "react";
import type { Run } from "~/api/gen/schemas";
import { cn } from "~/shared/ui/cn";
import { EntryView, opensByItself, type Row } from "./entry-view";
import { JumpPill } from "./jump-pill";
import { rowLabel } from "./row-text";
import { useTimelineKeys } from "./use-timeline-keys";

/** Closer to the end than this, in px, counts as reading along. */
const NEAR_END = 64;

/** A first guess of a row's height, in px; what is in view is measured. */
function guess(row: Row | undefined): number {
  if (row?.kind === "model") return row.text ? 34 + Math.min(152, Math.ceil(row.text.length / 90) * 21) : 58;
  return row?.kind === "call" ? 50 : row?.kind === "end" ? 180 : 34;
}

interface TimelineProps {
  rows: readonly Row[];
  run: Run | undefined;
  selected: string | null;
  onSelect: (id: string | null) => void;
  /** Brings an entry into view; a new object each time that is wanted. */
  reveal: { readonly id: string } | null;
}

export function Timeline({ rows, run, selected, onSelect, reveal }: TimelineProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [opened, setOpened] = useState<ReadonlyMap<string, boolean>>(new Map());
  const [seen, setSeen] = useState<number | null>(null);
  const selectedAt = selected === null ? -1 : rows.findIndex((row) => row.id === selected);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => guess(rows[index]),
    getItemKey: useCallback((index: number) => rows[index]?.id ?? index, [rows]),
    overscan: 10,
    paddingStart: 8,
    paddingEnd: 16,
    scrollPaddingStart: 16,
    scrollPaddingEnd: 56,
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: NEAR_END,
    useFlushSync: false,
    // The selected row stays in the page, so that the focus is not lost by scrolling.
    rangeExtractor: useCallback(
      (range: Range) => {
        const found = defaultRangeExtractor(range);
        return selectedAt < 0 || found.includes(selectedAt) ? found : [...found, selectedAt].sort((a, b) => a - b);
      },
      [selectedAt],
    ),
  });

  const isOpen = (row: Row): boolean => opened.get(row.id) ?? opensByItself(row);
  const byId = useRef(rows);
  byId.current = rows;
  const toggle = useCallback((id: string) => {
    const row = byId.current.find((each) => each.id === id);
    if (row) setOpened((now) => new Map(now).set(id, !(now.get(id) ?? opensByItself(row))));
  }, []);
  const toEnd = useCallback(() => {
    onSelect(null);
    setSeen(null);
    list.scrollToEnd();
  }, [list, onSelect]);
  useTimelineKeys({
    rows,
    selectedAt,
    onSelect,
    onToggle: toggle,
    toEnd,
    toIndex: (index) => list.scrollToIndex(index),
  });

  // The first rows that arrive are read from their end.
  const begun = rows.length > 0;
  useEffect(() => {
    if (begun) list.scrollToEnd();
  }, [begun, list]);

  useEffect(() => {
    const index = reveal ? byId.current.findIndex((row) => row.id === reveal.id) : -1;
    if (index >= 0) list.scrollToIndex(index, { align: "center" });
  }, [reveal, list]);

  // When the room for the list changes, who reads along still reads along.
  const alongside = useRef(true);
  alongside.current = seen === null;
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => alongside.current && list.scrollToEnd());
    observer.observe(element);
    return () => observer.disconnect();
  }, [list]);

  const lastTop = useRef(0);
  const follow = ({ currentTarget: { scrollTop, scrollHeight, clientHeight } }: UIEvent<HTMLElement>) => {
    const up = scrollTop < lastTop.current;
    lastTop.current = scrollTop;
    // What grows at the end is not somebody who goes away from it.
    if (scrollHeight - scrollTop - clientHeight <= NEAR_END) setSeen(null);
    else if (up) setSeen((now) => now ?? rows.length);
  };
  const items = list.getVirtualItems();
  const fallback = items[0]?.index;
  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      <div
        ref={scroller}
        role="log"
        aria-label="Journal"
        aria-live="off"
        aria-busy={!begun || undefined}
        onScroll={follow}
        className="min-h-0 flex-1 overflow-y-auto overflow-x-hidden [overflow-anchor:none]"
      >
        <ol className="relative" style={{ height: list.getTotalSize() }}>
          {items.map(({ index, key, start }) => {
            const row = rows[index];
            if (!row) return null;
            const current = index === selectedAt;
            return (
              <li
                key={key}
                ref={list.measureElement}
                data-index={index}
                aria-label={rowLabel(row)}
                aria-posinset={index + 1}
                aria-setsize={rows.length}
                aria-current={current || undefined}
                tabIndex={current || (selectedAt < 0 && index === fallback) ? 0 : -1}
                onFocus={(event: FocusEvent) => {
                  if (event.target === event.currentTarget) onSelect(row.id);
                }}
                style={{ transform: `translateY(${start}px)` }}
                className={cn(
                  "absolute inset-x-0 top-0 border-l-2 border-transparent focus-visible:outline-1 focus-visible:-outline-offset-1",
                  current && "border-accent bg-selected/60",
                )}
              >
                <EntryView row={row} open={isOpen(row)} onToggle={toggle} run={row.kind === "end" ? run : undefined} />
              </li>
            );
          })}
        </ol>
      </div>
      {seen === null ? null : <JumpPill fresh={rows.length - seen} over={run?.endTime !== undefined} onJump={toEnd} />}
    </div>
  );
}
