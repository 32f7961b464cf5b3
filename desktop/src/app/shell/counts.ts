// The three numbers of the shell: what needs a person, what is running, what today costs.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { ListUsageResponse } from "~/api/gen/schemas";
import { inboxQuery, ledgerQuery, PAGE_SIZE, runsQuery } from "~/api/queries";
import { usdSum } from "~/shared/format/money";
import { useTransport } from "../transport";
import { POLL_MS, usePolling } from "../workspace/live";
import { useWorkspace } from "../workspace/workspace";

/** Open inbox items; undefined while unknown. */
export function useNeedYou(): number | undefined {
  const polling = usePolling();
  const inbox = useInfiniteQuery({
    ...inboxQuery(useTransport(), useWorkspace(), "INBOX_ITEM_STATE_OPEN"),
    refetchInterval: polling,
  });
  return inbox.data?.pages[0]?.openCount;
}

/** Runs that a worker has, as text; undefined while unknown. */
export function useRunning(): string | undefined {
  const polling = usePolling();
  const runs = useInfiniteQuery({
    ...runsQuery(useTransport(), useWorkspace(), { state: "RUN_STATE_RUNNING" }),
    refetchInterval: polling,
  });
  const page = runs.data?.pages[0];
  if (!page) return undefined;
  return page.nextPageToken ? `${PAGE_SIZE}+` : String(page.runs.length);
}

/** What the ledger's entries since midnight (this machine's) cost, as text. */
export function spentSince(midnightMs: number, ledger: ListUsageResponse): string {
  const today = ledger.entries.filter((entry) => entry.createTime && Date.parse(entry.createTime) >= midnightMs);
  const known = today.filter((entry) => entry.costNanoUsd !== undefined);
  const sum = known.reduce((total, entry) => total + BigInt(entry.costNanoUsd ?? "0"), 0n);
  const cut = today.length === ledger.entries.length && ledger.nextPageToken !== "";
  const estimated = known.some((entry) => entry.estimated);
  const text = usdSum(sum.toString(), today.length - known.length, today.length, { estimated });
  return cut && /^[~$]/.test(text) ? `at least ${text}` : text;
}

/** Today's spend as text; undefined while it is not read. */
export function useSpentToday(): string | undefined {
  const polling = usePolling();
  const ledger = useQuery({
    ...ledgerQuery(useTransport(), useWorkspace()),
    refetchInterval: polling === false ? 60_000 : POLL_MS * 6,
  });
  return ledger.data ? spentSince(new Date().setHours(0, 0, 0, 0), ledger.data) : undefined;
}
