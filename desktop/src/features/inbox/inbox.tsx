// The inbox: what needs a person, oldest first, with everything that is needed to decide at its side; one by one, or several
// at once.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ShieldCheck } from "lucide-react";
import { useEffect, useMemo } from "react";
import type { InboxItem } from "~/api/gen/schemas";
import { inboxItemQuery, inboxQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import { useMay, useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { useKeys } from "~/shared/keyboard/use-keys";
import { neighbour, useListKeys } from "~/shared/keyboard/use-list-keys";
import { Button } from "~/shared/ui/button";
import { Choosing } from "~/shared/ui/choosing";
import { LoadMore } from "~/shared/ui/load-more";
import { ProblemNote, UnreadNote } from "~/shared/ui/problem-note";
import { Filters, RowsLoading, Screen, Split } from "~/shared/ui/screen";
import { useChoice } from "~/shared/ui/use-choice";
import { MEDIA, useMedia } from "~/shared/ui/use-media";
import { Batch, Fates } from "./batch";
import { ItemPeek } from "./item-peek";
import { ItemRow } from "./item-row";
import { NothingDecided, NothingNeedsYou } from "./nothing";
import type { Fate } from "./use-batch";

const FILTERS = [
  { value: "open", label: "Need you" },
  { value: "decided", label: "Decided" },
  { value: "void", label: "Void" },
] as const;

const STATES = {
  open: "INBOX_ITEM_STATE_OPEN",
  decided: "INBOX_ITEM_STATE_DECIDED",
  void: "INBOX_ITEM_STATE_VOID",
} as const;

/** How long ago a thing was asked is what counts: the longest wait comes first. Decided ones are newest first. */
function ordered(items: readonly InboxItem[], open: boolean): InboxItem[] {
  return open ? items.toSorted((a, b) => (a.createTime ?? "").localeCompare(b.createTime ?? "")) : [...items];
}

export function Inbox() {
  const search = useSearch({ from: "/signed-in/inbox" });
  const navigate = useNavigate({ from: "/inbox" });
  const transport = useTransport();
  const show = search.show ?? "open";
  const state = STATES[show];
  const list = useInfiniteQuery({ ...inboxQuery(transport, useWorkspace(), state), refetchInterval: usePolling() });
  const items = useMemo(
    () => ordered(list.data?.pages.flatMap((page) => page.inboxItems) ?? [], show === "open"),
    [list.data, show],
  );
  const ids = items.map((item) => idOf(item.name));
  const first = ids[0];
  const wanted = search.item === "next" ? first : search.item;
  const select = (item: string | null) =>
    void navigate({ search: (now) => ({ ...now, item: item ?? undefined }), replace: true });

  // The first is looked at by itself: opening the inbox and pressing A is all it takes.
  // Where only one of them has room, the list comes first.
  const roomy = useMedia(MEDIA.list);
  const loaded = list.data !== undefined;
  useEffect(() => {
    if (loaded && first && ((search.item === undefined && roomy) || search.item === "next")) {
      void navigate({ search: (now) => ({ ...now, item: first }), replace: true });
    }
  }, [loaded, first, search.item, roomy, navigate]);

  const may = useMay("ROLE_OPERATOR") && show === "open";
  const choice = useChoice<InboxItem, Fate>(items, may);
  const { chosen, clear, fates } = choice;
  const gathering = chosen.length > 0 || fates !== null;
  const mark = () => {
    const item = items.find((each) => idOf(each.name) === wanted);
    if (item) choice.toggle(item);
  };
  useKeys({ x: mark }, choice.may && fates === null);
  // Esc lets go of what is chosen before it closes the peek.
  useListKeys({
    ids,
    selected: wanted ?? (gathering ? "" : null),
    onSelect: (id) => (id === null && gathering ? clear() : select(id)),
  });
  const openCount = list.data?.pages[0]?.openCount;
  return (
    <Screen
      title="Inbox"
      aside={openCount ? `${openCount} ${openCount === 1 ? "needs" : "need"} you` : undefined}
      actions={
        <Button size="sm" look="quiet" asChild>
          <Link to="/inbox/rules">
            <ShieldCheck aria-hidden />
            Rules
          </Link>
        </Button>
      }
      filters={
        <>
          <Filters
            label="Show"
            options={FILTERS}
            value={show}
            onChange={(value) => void navigate({ search: value === "open" ? {} : { show: value } })}
          />
          {choice.may && items.length > 1 ? <Choosing choice={choice} count={items.length} /> : null}
        </>
      }
    >
      {list.error && !list.data ? (
        <UnreadNote problem={list.error} onRetry={() => void list.refetch()} />
      ) : list.isPending ? (
        <RowsLoading />
      ) : items.length === 0 && wanted === undefined && fates === null ? (
        show === "open" ? (
          <NothingNeedsYou />
        ) : (
          <NothingDecided overtaken={show === "void"} />
        )
      ) : (
        <Split
          onClose={() => (gathering ? clear() : select(null))}
          list={
            <>
              <ul aria-label="Inbox">
                {items.map((item) => (
                  <ItemRow
                    key={item.name}
                    item={item}
                    selected={idOf(item.name) === wanted}
                    chosen={choice.may ? chosen.includes(item) : undefined}
                    onChoose={choice.toggle}
                  />
                ))}
              </ul>
              {items.length === 0 ? <p className="px-4 py-8 text-center text-muted">Nothing else needs you.</p> : null}
              <LoadMore list={list} />
            </>
          }
          peek={
            fates ? (
              <Fates
                fates={fates}
                onRead={() => {
                  clear();
                  select(first ?? null);
                }}
              />
            ) : chosen.length > 0 ? (
              <Batch items={chosen} onKeep={choice.keep} onFates={choice.tell} />
            ) : wanted ? (
              <Peek
                key={wanted}
                id={wanted}
                listed={items.find((item) => idOf(item.name) === wanted)}
                onDecided={() => select(neighbourAfter(ids, wanted))}
              />
            ) : null
          }
        />
      )}
    </Screen>
  );
}

/** What to look at once `decided` is gone: the next, else the one before. */
function neighbourAfter(ids: readonly string[], decided: string): string | null {
  const next = neighbour(ids, decided, 1);
  if (next !== decided) return next;
  const before = neighbour(ids, decided, -1);
  return before === decided ? null : before;
}

/** The item at the side: from the list, or read by itself when a link leads to one that is not listed. */
function Peek({ id, listed, onDecided }: { id: string; listed: InboxItem | undefined; onDecided: () => void }) {
  const name = `${useWorkspace()}/inbox/${id}`;
  const read = useQuery({ ...inboxItemQuery(useTransport(), name), enabled: listed === undefined });
  const item = listed ?? read.data;
  if (item) return <ItemPeek key={`${item.name} ${item.state}`} item={item} onDecided={onDecided} />;
  if (!read.error) return <RowsLoading rows={4} />;
  return (
    <ProblemNote problem={read.error} className="m-4">
      <Button size="sm" asChild>
        <Link to="/inbox">Open the inbox</Link>
      </Button>
    </ProblemNote>
  );
}
