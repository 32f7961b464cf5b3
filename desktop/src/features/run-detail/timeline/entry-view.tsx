// One row of the timeline. Rendered again only when its entry changes, it is opened, or it is selected.
import { memo } from "react";
import type { Run } from "~/api/gen/schemas";
import type { Entry } from "../journal/entries";
import { CallView, callOpens } from "./call-view";
import { ContextView } from "./context-view";
import { EndView } from "./end-view";
import { ModelView } from "./model-view";
import { NoteView, OrderView, QueuedView, type Receipt, UnknownView, WorkerView } from "./other-views";

/** An order that no worker has read yet. */
export interface RequestedOrder {
  readonly kind: "requested";
  readonly id: string;
  readonly time: string | undefined;
  readonly seqs: readonly number[];
  readonly order: Receipt;
}

export type Row = Entry | RequestedOrder;

/** Whether an entry is open before anybody opened or closed it. */
export const opensByItself = (row: Row): boolean => row.kind === "call" && callOpens(row);

interface EntryViewProps {
  row: Row;
  open: boolean;
  /** Gets the id, so that it can be the same function for every row. */
  onToggle: (id: string) => void;
  /** For the end alone. */
  run: Run | undefined;
}

export const EntryView = memo(function EntryView({ row, open, onToggle, run }: EntryViewProps) {
  const toggle = () => onToggle(row.id);
  switch (row.kind) {
    case "model":
      return <ModelView entry={row} open={open} onToggle={toggle} />;
    case "call":
      return <CallView entry={row} open={open} onToggle={toggle} />;
    case "order":
      return <OrderView order={row} time={row.time} />;
    case "requested":
      return <OrderView order={row.order} time={row.time} />;
    case "worker":
      return <WorkerView entry={row} />;
    case "queued":
      return <QueuedView entry={row} />;
    case "note":
      return <NoteView entry={row} open={open} onToggle={toggle} />;
    case "context":
      return <ContextView entry={row} open={open} onToggle={toggle} />;
    case "end":
      return <EndView entry={row} run={run} />;
    case "unknown":
      return <UnknownView entry={row} />;
  }
});
