// Keeps lists live: by the workspace's topic while it can be followed, else by asking again every few seconds.
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { type Run, WorkspaceEvent } from "~/api/gen/schemas";
import { keys } from "~/api/queries";
import type { Watch } from "~/transport/types";
import { useConnection, useTransport } from "../transport";
import { useWorkspace } from "./workspace";

/** How often lists are read again without the topic, in ms. Nothing is read while the page is hidden. */
export const POLL_MS = 5_000;
/** What a burst of events asks for is read once, in ms. */
const SETTLE_MS = 120;

const LiveContext = createContext(false);

/** For `refetchInterval`: false while events say what has changed. */
export const usePolling = (): number | false => (useContext(LiveContext) ? false : POLL_MS);

/** Follows the workspace. */
export function LiveWorkspace({ children }: { children: ReactNode }) {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  const open = useConnection().state === "open";
  const [followed, setFollowed] = useState(false);

  useEffect(() => {
    let watch: Watch | null = null;
    const reader = new Reader(queries, workspace);
    const follow = () => {
      // Without a cursor events are told from now on: what was read before that may be out of date already.
      let anew = true;
      watch = transport.watch(workspace, null, {
        frames(batch) {
          for (const frame of batch) {
            if (frame.type === "event") reader.event(frame.event);
            else if (frame.type === "caughtUp") {
              if (anew) reader.all();
              anew = false;
              setFollowed(true);
            }
          }
        },
        end: () => setFollowed(false),
        problem(problem, ended) {
          setFollowed(false);
          if (ended && problem.reason === "CURSOR_EXPIRED") follow();
        },
      });
    };
    follow();
    const ahead = followRuns(queries, () => reader.run());
    return () => {
      ahead();
      watch?.close();
      reader.dispose();
      setFollowed(false);
    };
  }, [transport, workspace, queries]);

  return <LiveContext value={followed && open}>{children}</LiveContext>;
}

/**
 * Calls `onNews` when a run that is read by itself, as while somebody watches it, has moved on: its journal runs ahead of the
 * lists. Returns how to stop.
 */
export function followRuns(queries: QueryClient, onNews: () => void): () => void {
  const standings = new Map<string, string>();
  return queries.getQueryCache().subscribe(({ type, query }) => {
    const run = query.queryKey[1] === "run" && type === "updated" ? (query.state.data as Run | undefined) : undefined;
    if (!run) return;
    const standing = [run.state, run.openInboxItems, run.costNanoUsd].join(" ");
    const before = standings.get(run.name);
    standings.set(run.name, standing);
    if (before !== undefined && before !== standing) onNews();
  });
}

/** Collects what events name, and reads it again together. */
class Reader {
  readonly #queries: QueryClient;
  readonly #workspace: string;
  #stale = new Map<string, readonly string[]>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(queries: QueryClient, workspace: string) {
    this.#queries = queries;
    this.#workspace = workspace;
  }

  /** Marks what `event` is about; an event of a kind that this build does not know marks everything. */
  event(event: unknown): void {
    const parsed = WorkspaceEvent.safeParse(event);
    if (!parsed.success) return this.all();
    const { task, run, inbox } = parsed.data;
    if (task) this.#mark(keys.tasks(this.#workspace), keys.task(task.task));
    if (run) {
      this.#mark(keys.run(run.run), keys.commands(run.run), keys.task(run.task));
      this.run();
    }
    if (inbox) this.#mark(keys.inbox(this.#workspace), keys.runs(this.#workspace), keys.run(inbox.run));
    if (!task && !run && !inbox) this.all();
  }

  /** Marks the lists that a run is counted in. */
  run(): void {
    const workspace = this.#workspace;
    this.#mark(
      keys.runs(workspace),
      keys.tasks(workspace),
      keys.inbox(workspace),
      keys.usage(workspace),
      keys.schedules(workspace),
    );
  }

  all(): void {
    this.#mark(keys.workspace(this.#workspace));
  }

  dispose(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #mark(...stale: (readonly string[])[]): void {
    for (const key of stale) this.#stale.set(key.join("\n"), key);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const marked = [...this.#stale.values()];
      this.#stale = new Map();
      for (const queryKey of marked) void this.#queries.invalidateQueries({ queryKey });
    }, SETTLE_MS);
  }
}
