// What needs a person who looks elsewhere: a notice of the operating system per open inbox item, with the decision on it.
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import type { InboxItem } from "~/api/gen/schemas";
import { inboxQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import type { Notice } from "~/transport/types";
import { useDecide } from "./use-decide";
import { askWords } from "./words";

function noticeOf(item: InboxItem): Notice {
  const { lead, subject } = askWords(item);
  const approval = item.kind === "INBOX_ITEM_KIND_APPROVAL";
  return {
    id: item.name,
    title: `${lead} ${subject}`,
    body: item.taskTitle,
    actions: approval ? [{ id: "approve", label: "Approve" }] : [],
  };
}

/**
 * Shows a notice for what comes into the inbox from now on, and takes it back when it was decided, wherever. Does nothing
 * where the transport has no notices; the transport shows none while somebody looks at the window.
 */
export function useInboxNotices(): void {
  const transport = useTransport();
  const workspace = useWorkspace();
  const navigate = useNavigate();
  const { mutate: decide } = useDecide();
  const { notifications } = transport;
  const { data } = useInfiniteQuery({
    ...inboxQuery(transport, workspace, "INBOX_ITEM_STATE_OPEN"),
    enabled: notifications !== null,
  });
  /** By name, what was there at some time: what returns is no news. Null until this workspace's inbox was read. */
  const known = useRef<Set<string> | null>(null);
  const shown = useRef(new Map<string, InboxItem>());

  // biome-ignore lint/correctness/useExhaustiveDependencies: another workspace begins anew
  useEffect(
    () => () => {
      known.current = null;
      for (const name of shown.current.keys()) void transport.notifications?.withdraw(name);
      shown.current.clear();
    },
    [transport, workspace],
  );

  useEffect(() => {
    if (!notifications || !data) return;
    const open = new Map(data.pages.flatMap((page) => page.inboxItems).map((item) => [item.name, item]));
    const news = known.current === null ? [] : [...open.values()].filter((item) => !known.current?.has(item.name));
    known.current = new Set([...(known.current ?? []), ...open.keys()]);
    for (const item of news) {
      shown.current.set(item.name, item);
      void notifications.show(noticeOf(item));
    }
    for (const name of [...shown.current.keys()].filter((name) => !open.has(name))) {
      shown.current.delete(name);
      void notifications.withdraw(name);
    }
  }, [notifications, data]);

  useEffect(
    () =>
      notifications?.onAction((name, action) => {
        const item = shown.current.get(name);
        if (!item) return;
        if (action === "approve") {
          decide({ item, decision: { approve: {} }, requestId: crypto.randomUUID() });
        } else void navigate({ to: "/inbox", search: { item: idOf(name) } });
      }),
    [notifications, decide, navigate],
  );
}
