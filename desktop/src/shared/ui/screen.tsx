// The parts that every screen has: its head, its list, and the peek at its side.
import { ChevronLeft } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";
import { cn } from "./cn";

interface ScreenProps {
  title: string;
  /** Beside the title: a count. */
  aside?: ReactNode;
  /** At the right: the one thing to do next. */
  actions?: ReactNode;
  /** Under the head: filters. */
  filters?: ReactNode;
  children: ReactNode;
}

export function Screen({ title, aside, actions, filters, children }: ScreenProps) {
  useEffect(() => {
    document.title = `${title} · Mission Control`;
  }, [title]);
  return (
    <div className="flex h-full flex-col">
      <header className="flex h-12 shrink-0 items-center gap-3 border-b px-4">
        <h1 className="truncate font-semibold text-base">{title}</h1>
        {aside ? <span className="shrink-0 text-muted tabular-nums">{aside}</span> : null}
        <div className="ml-auto flex shrink-0 items-center gap-2">{actions}</div>
      </header>
      {filters ? (
        <div className="flex min-h-10 shrink-0 flex-wrap items-center gap-1 border-b px-3 py-1">{filters}</div>
      ) : null}
      <div className="min-h-0 flex-1">{children}</div>
    </div>
  );
}

interface SplitProps {
  list: ReactNode;
  peek: ReactNode;
  /** Leads back to the list where there is no room for both. */
  onClose: () => void;
}

/** A list, and beside it a peek at one of its rows. A small window shows one of them. */
export function Split({ list, peek, onClose }: SplitProps) {
  const sides = peek && "md:grid-cols-[minmax(0,1fr)_minmax(0,1.2fr)] lg:grid-cols-[minmax(0,1fr)_minmax(380px,46%)]";
  return (
    <div className={cn("grid h-full grid-cols-1 grid-rows-1", sides)}>
      <div className={cn("@container min-h-0 overflow-auto", peek && "hidden md:block")}>{list}</div>
      {peek ? (
        <div className="flex min-h-0 flex-col bg-raised md:border-l">
          <button
            type="button"
            onClick={onClose}
            className="flex h-9 shrink-0 items-center gap-1.5 border-b px-4 text-muted hover:text-text md:hidden"
          >
            <ChevronLeft aria-hidden className="size-4 stroke-[1.5]" />
            Back to the list
          </button>
          <div className="min-h-0 flex-1 overflow-auto">{peek}</div>
        </div>
      ) : null}
    </div>
  );
}

interface RowProps {
  selected: boolean;
  /** Before the link, and no part of it: a box to tick. */
  lead?: ReactNode;
  children: ReactNode;
  /** A link or button that fills the row. */
  render: (content: { className: string; children: ReactNode; "aria-current"?: "true" }) => ReactNode;
}

/** A row of a list; the selected one is kept in view. */
export function Row({ selected, lead, children, render }: RowProps) {
  const row = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (selected) row.current?.scrollIntoView?.({ block: "nearest" });
  }, [selected]);
  return (
    <li ref={row} className={cn("flex border-b", selected && "bg-selected")}>
      {lead}
      {render({
        className: cn(
          "mc-row flex w-full min-w-0 items-center gap-3 px-4 text-left focus-visible:-outline-offset-2",
          lead && "pl-1",
          selected ? "" : "hover:bg-hover",
        ),
        children,
        ...(selected ? { "aria-current": "true" as const } : {}),
      })}
    </li>
  );
}

/** Grey bars where rows will be, so that nothing jumps when they come. */
export function RowsLoading({ rows = 8 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => `row-${index}`).map((key, index) => (
        <div key={key} className="mc-row flex items-center border-b px-4">
          <span className="h-2.5 rounded-full bg-hover" style={{ width: `${56 - ((index * 13) % 32)}%` }} />
        </div>
      ))}
    </div>
  );
}

/** A choice of one, as a row of small buttons. */
export function Filters<Value extends string>(props: {
  label: string;
  options: readonly { value: Value; label: string; count?: number }[];
  value: Value;
  onChange: (value: Value) => void;
}) {
  const { label, options, value, onChange } = props;
  return (
    <fieldset aria-label={label} className="flex items-center gap-0.5">
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
          className="h-[26px] rounded-control px-2 text-muted text-xs hover:bg-hover hover:text-text aria-pressed:bg-press aria-pressed:font-medium aria-pressed:text-text"
        >
          {option.label}
          {option.count === undefined ? null : <span className="ml-1.5 text-faint tabular-nums">{option.count}</span>}
        </button>
      ))}
    </fieldset>
  );
}

/** Name and value pairs of a peek. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="grid grid-cols-[max-content_minmax(0,1fr)] gap-x-5 gap-y-1.5">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  );
}
