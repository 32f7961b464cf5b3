// The inbox: what needs a person, oldest first, with everything that is needed to decide at its side.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Inbox as InboxIcon } from "lucide-react";
import { useEffect, useMemo } from "react";
import type { InboxItem } from "~/api/gen/schemas";
import { agentsQuery, inboxItemQuery, inboxQuery, tasksQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import { useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { neighbour, useListKeys } from "~/shared/keyboard/use-list-keys";
import { Button } from "~/shared/ui/button";
import { Empty } from "~/shared/ui/empty";
import { LoadMore } from "~/shared/ui/load-more";
import { ProblemNote, UnreadNote } from "~/shared/ui/problem-note";
import { Filters, Row, RowsLoading, Screen, Split } from "~/shared/ui/screen";
import { Status } from "~/shared/ui/status";
import { Ago } from "~/shared/ui/time";
import { MEDIA, useMedia } from "~/shared/ui/use-media";
import { ItemPeek } from "./item-peek";
import { askWords } from "./words";

const FILTERS = [
  { value: "open", label: "Need you" },
  { value: "decided", label: "Decided" },
] as const;

/** How long ago a thing was asked is what counts: the longest wait comes first. Decided ones are newest first. */
function ordered(items: readonly InboxItem[], open: boolean): InboxItem[] {
  return open ? items.toSorted((a, b) => (a.createTime ?? "").localeCompare(b.createTime ?? "")) : [...items];
}

export function Inbox() {
  const search = useSearch({ from: "/signed-in/inbox" });
  const navigate = useNavigate({ from: "/inbox" });
  const transport = useTransport();
  const show = search.show ?? "open";
  const state = show === "open" ? "INBOX_ITEM_STATE_OPEN" : "INBOX_ITEM_STATE_DECIDED";
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

  useListKeys({ ids, selected: wanted ?? null, onSelect: select });
  const openCount = list.data?.pages[0]?.openCount;
  return (
    <Screen
      title="Inbox"
      aside={openCount ? `${openCount} ${openCount === 1 ? "needs" : "need"} you` : undefined}
      filters={
        <Filters
          label="Show"
          options={FILTERS}
          value={show}
          onChange={(value) => void navigate({ search: value === "open" ? {} : { show: value } })}
        />
      }
    >
      {list.error && !list.data ? (
        <UnreadNote problem={list.error} onRetry={() => void list.refetch()} />
      ) : list.isPending ? (
        <RowsLoading />
      ) : items.length === 0 && wanted === undefined ? (
        show === "open" ? (
          <NothingNeedsYou />
        ) : (
          <NothingDecided />
        )
      ) : (
        <Split
          onClose={() => select(null)}
          list={
            <>
              <ul aria-label="Inbox">
                {items.map((item) => (
                  <ItemRow key={item.name} item={item} selected={idOf(item.name) === wanted} />
                ))}
              </ul>
              {items.length === 0 ? <p className="px-4 py-8 text-center text-muted">Nothing else needs you.</p> : null}
              <LoadMore list={list} />
            </>
          }
          peek={
            wanted ? (
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

function ItemRow({ item, selected }: { item: InboxItem; selected: boolean }) {
  const { lead, subject } = askWords(item);
  const open = item.state === "INBOX_ITEM_STATE_OPEN";
  return (
    <Row
      selected={selected}
      render={(content) => (
        <Link to="/inbox" search={(now) => ({ ...now, item: idOf(item.name) })} replace {...content} />
      )}
    >
      <Status
        look={open ? "needsYou" : item.decision?.reject || item.decision?.fail ? "failed" : "succeeded"}
        word={open ? "needs you" : "decided"}
        silent
      />
      <span className="min-w-0 flex-1 py-2">
        <span className="line-clamp-2">
          {lead} <span className="font-medium">{subject}</span>
        </span>
        <span className="block truncate text-muted text-xs">{item.taskTitle}</span>
      </span>
      <Ago
        time={open ? item.createTime : item.closeTime}
        className="w-14 shrink-0 text-right text-muted tabular-nums"
      />
    </Row>
  );
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

function NothingNeedsYou() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const agents = useQuery(agentsQuery(transport, workspace));
  const tasks = useInfiniteQuery(tasksQuery(transport, workspace));
  const fresh = agents.data?.length === 0 || tasks.data?.pages[0]?.tasks.length === 0;
  if (agents.isPending || tasks.isPending) return null;
  return (
    <Empty
      icon={InboxIcon}
      title={fresh ? "Welcome. Give somebody something to do." : "Nothing needs you"}
      action={
        <Button look={fresh ? "primary" : "plain"} hotkey="c" asChild>
          <Link to="/tasks/new">{fresh ? "Write the first task" : "New task"}</Link>
        </Button>
      }
    >
      {fresh
        ? "Write a task and start it; it takes two minutes and no key of a provider: the simulator has no model and is there to look around. Whenever a run needs you, it waits here."
        : "When a run wants to do something you have to approve, asks a question, or cannot tell what became of a call, it waits here, holding nothing, until you decide."}
    </Empty>
  );
}

function NothingDecided() {
  return (
    <Empty icon={InboxIcon} title="Nothing has been decided yet">
      What you and others decide is kept here, with who did and when.
    </Empty>
  );
}
