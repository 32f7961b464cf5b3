// The tasks that are looked at: by the filters of the link, and by words that are found while they are written.
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Task } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { tasksQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import { useWorkspace } from "~/app/workspace/workspace";
import { useSettled } from "~/shared/ui/use-settled";
import { type BoardSearch, filterOf } from "./board";
import { found } from "./find";

/** Words that only the gateway understands: left out, in this order, or one of two. */
const CLEVER = /"|(^|\s)-\S|\sor\s/i;

/**
 * Reads the board. While words are written those that are loaded are looked through at once, so that half a word finds
 * something too; the gateway looks through all of them, by their stems, as soon as somebody has stopped writing.
 */
export function useBoard(search: BoardSearch) {
  const transport = useTransport();
  const workspace = useWorkspace();
  const refetchInterval = usePolling();
  const filter = filterOf(search, workspace);
  const words = (search.find ?? "").trim();
  const query = useSettled(words);
  const clever = CLEVER.test(words);
  const list = useInfiniteQuery({
    ...tasksQuery(transport, workspace, filter),
    refetchInterval,
    placeholderData: keepPreviousData,
  });
  const asked = useInfiniteQuery({
    ...tasksQuery(transport, workspace, { ...filter, query }),
    refetchInterval,
    placeholderData: keepPreviousData,
    enabled: query !== "" && words !== "",
  });
  const all = useMemo(() => list.data?.pages.flatMap((page) => page.tasks) ?? [], [list.data]);
  const answered = useMemo(() => asked.data?.pages.flatMap((page) => page.tasks) ?? [], [asked.data]);
  const settled = query === words && !asked.isPlaceholderData;
  const tasks = useMemo(
    () => ofDue(words === "" ? all : merged(all, clever ? [] : found(all, words), settled ? answered : []), filter.due),
    [all, answered, words, clever, settled, filter.due],
  );
  // Words such as `the` are in every task and looked for in none: that is no failure of the list.
  const wordless = asked.error !== null && asProblem(asked.error).violations.some(({ field }) => field === "query");
  return {
    tasks,
    /** That more of is read at the end. */
    list: words === "" ? list : asked,
    isPending: list.isPending,
    /** True while what the gateway finds is not there yet. */
    isLooking: words !== "" && (!settled || asked.isPending) && !wordless,
    wordless: words !== "" && wordless,
    error: list.data ? (words !== "" && !wordless ? asked.error : null) : list.error,
    retry: () => void (list.data ? asked.refetch() : list.refetch()),
  };
}

/** What is done is not overdue, whenever it was due. */
const ofDue = (tasks: Task[], due: string | undefined): Task[] =>
  due === "overdue" ? tasks.filter(({ state }) => state !== "TASK_STATE_DONE") : tasks;

/** Those of `here` and `there` in the order of `all`, and behind them those that are not in it. */
export function merged(all: readonly Task[], here: readonly Task[], there: readonly Task[]): Task[] {
  const wanted = new Set([...here, ...there].map(({ name }) => name));
  const known = new Set(all.map(({ name }) => name));
  return [...all.filter(({ name }) => wanted.has(name)), ...there.filter(({ name }) => !known.has(name))];
}
