// Deciding: the item leaves the list at once, and comes back with the reason if the decision was not taken.
import { type InfiniteData, useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { toast } from "sonner";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { Decision, InboxItem, ListInboxItemsResponse } from "~/api/gen/schemas";
import { asProblem, type Problem } from "~/api/problem";
import { inboxItemQuery, keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useMe, useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { ago } from "~/shared/format/time";
import { askWords, decisionWords, firstWords } from "./words";

type Inbox = InfiniteData<ListInboxItemsResponse, string>;

/** The open inbox without `name`. */
export function withoutItem(inbox: Inbox, name: string): Inbox {
  const has = inbox.pages.some((page) => page.inboxItems.some((item) => item.name === name));
  if (!has) return inbox;
  return {
    ...inbox,
    pages: inbox.pages.map((page) => ({
      ...page,
      openCount: Math.max(0, page.openCount - 1),
      inboxItems: page.inboxItems.filter((item) => item.name !== name),
    })),
  };
}

/** `Rejected: too risky, by you, 12 s ago`. */
export function standingWords(item: InboxItem, me: string, nowMs: number): string {
  if (item.state === "INBOX_ITEM_STATE_VOID") return "The run ended before anybody decided.";
  const who = item.decider === me ? "you" : "somebody else";
  const when = item.closeTime ? ago(item.closeTime, nowMs) : "";
  const past = when === "" ? "" : when === "now" ? ", just now" : `, ${when} ago`;
  const rule = item.approvalRule ? " A rule was made of it." : "";
  return `${decisionWords(item.decision)}, by ${who}${past}.${rule}`;
}

/** True when the decision came too late rather than wrong: nothing can be done about it but to be told. */
export const cameTooLate = (problem: Problem): boolean =>
  problem.reason === "ALREADY_DECIDED" || problem.reason === "ITEM_VOID";

/** How long it is shown that somebody else was first, in ms: it may have to be read twice. */
const TOO_LATE_MS = 12_000;

/** Who came first and with what; that of the two decisions only that one counts. */
function tooLateWords(problem: Problem, now: InboxItem | null, me: string, nowMs: number): string {
  if (problem.reason === "ITEM_VOID") return "The run has ended; there is nothing left to decide.";
  const first = now?.state === "INBOX_ITEM_STATE_DECIDED" ? standingWords(now, me, nowMs) : "";
  return `Yours came second and does not count. ${first || firstWords(problem.metadata, me, nowMs)}`;
}

interface Deciding {
  item: InboxItem;
  decision: Decision;
  /** Stays the same when the same decision is sent again. */
  requestId: string;
}

/** Decides items of the inbox. */
export function useDecide() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  const { user } = useMe();
  const navigate = useNavigate();
  const onLook = (name: string) => void navigate({ to: "/inbox", search: { item: idOf(name), show: "decided" } });
  const open = [...keys.inbox(workspace), "INBOX_ITEM_STATE_OPEN"];

  return useMutation({
    mutationFn: async ({ item, decision, requestId }: Deciding) => {
      const options = { on: item.name, body: { decision }, idempotencyKey: requestId };
      return (await call(transport, operations.decideInboxItem, options)).inboxItem;
    },
    onMutate: async ({ item }) => {
      await queries.cancelQueries({ queryKey: open });
      const before = queries.getQueryData<Inbox>(open);
      if (before) queries.setQueryData<Inbox>(open, withoutItem(before, item.name));
      return { before };
    },
    onSuccess: (item) => {
      queries.setQueryData(keys.inboxItem(item.name), item);
      const rule = item.approvalRule ? ", and does not ask about this again" : "";
      toast.success(
        `${decisionWords(item.decision).split(":")[0]}. ${item.agentDisplayName || "The run"} goes on${rule}.`,
      );
    },
    onError: async (thrown, { item }, context) => {
      const problem = asProblem(thrown);
      if (!cameTooLate(problem)) {
        if (context?.before) queries.setQueryData(open, context.before);
        toast.error(`Not decided: ${problem.detail}`);
        return;
      }
      const now = await queries.fetchQuery({ ...inboxItemQuery(transport, item.name), staleTime: 0 }).catch(() => null);
      const { lead, subject } = askWords(item);
      toast.info(tooLateWords(problem, now, user.name, Date.now()), {
        description: `${lead} ${subject}`,
        duration: TOO_LATE_MS,
        action: { label: "Look at it", onClick: () => onLook(item.name) },
      });
    },
    onSettled: (_done, _thrown, { item }) => {
      void queries.invalidateQueries({ queryKey: keys.inbox(workspace) });
      void queries.invalidateQueries({ queryKey: keys.run(item.run) });
      void queries.invalidateQueries({ queryKey: keys.runs(workspace) });
      void queries.invalidateQueries({ queryKey: keys.rules(workspace) });
    },
  });
}
