// One line of the inbox: who asks what, since when, and whether it is overdue.
import { Link } from "@tanstack/react-router";
import type { InboxItem } from "~/api/gen/schemas";
import { idOf } from "~/shared/format/name";
import { ChooseBox } from "~/shared/ui/choosing";
import { Row } from "~/shared/ui/screen";
import { Status } from "~/shared/ui/status";
import { Ago } from "~/shared/ui/time";
import { askWords } from "./words";

interface ItemRowProps {
  item: InboxItem;
  selected: boolean;
  /** Whether it is chosen to be decided with others; absent where nothing can be chosen. */
  chosen?: boolean | undefined;
  onChoose: (item: InboxItem) => void;
}

export function ItemRow({ item, selected, chosen, onChoose }: ItemRowProps) {
  const { lead, subject } = askWords(item);
  const open = item.state === "INBOX_ITEM_STATE_OPEN";
  const no = item.decision?.reject !== undefined || item.decision?.fail !== undefined;
  const overtaken = item.state === "INBOX_ITEM_STATE_VOID";
  return (
    <Row
      selected={selected}
      lead={
        chosen === undefined ? null : (
          <ChooseBox label={`${lead} ${subject}`} chosen={chosen} onChoose={() => onChoose(item)} />
        )
      }
      render={(content) => (
        <Link to="/inbox" search={(now) => ({ ...now, item: idOf(item.name) })} replace {...content} />
      )}
    >
      <Status
        look={open ? "needsYou" : overtaken ? "cancelled" : no ? "failed" : "succeeded"}
        word={open ? "needs you" : overtaken ? "void" : "decided"}
        silent
      />
      <span className="min-w-0 flex-1 py-2">
        <span className="line-clamp-2">
          {lead} <span className="font-medium">{subject}</span>
        </span>
        <span className="block truncate text-muted text-xs">{item.taskTitle}</span>
      </span>
      {open && item.overdue ? (
        <span className="shrink-0 rounded-full bg-bad-soft px-1.5 py-px text-[11px] text-bad-text ring-1 ring-bad/40">
          overdue
        </span>
      ) : null}
      <Ago
        time={open ? item.createTime : item.closeTime}
        className="w-14 shrink-0 text-right text-muted tabular-nums"
      />
    </Row>
  );
}
