// A task that is being written: kept on this machine until it is sent, one per workspace.
import { z } from "zod";
import { create } from "zustand";
import { persist } from "zustand/middleware";
import { labelsOf } from "./words";

/** The form of a task. Bounds are those of the contract. */
export const TaskDraft = z.object({
  title: z.string().trim().min(1, "Say in one line what is to be done.").max(200, "At most 200 characters."),
  brief: z.string().refine((text) => new TextEncoder().encode(text).length <= 65_536, { message: "At most 64 KiB." }),
  assignee: z.string(),
  checks: z.array(z.object({ text: z.string().max(500, "At most 500 characters.") })).max(20, "At most 20 checks."),
  /** At once, at a time, or not by itself. */
  start: z.enum(["now", "later", "board"]),
  priority: z.enum(["TASK_PRIORITY_URGENT", "TASK_PRIORITY_HIGH", "TASK_PRIORITY_NORMAL", "TASK_PRIORITY_LOW"]),
  /** Parted by commas. */
  labels: z
    .string()
    .refine((text) => labelsOf(text).every((label) => label.length <= 50), { message: "At most 50 characters each." })
    .refine((text) => labelsOf(text).length <= 20, { message: "At most 20 labels." }),
  /** What this machine's clock shows then; empty for no due time. */
  due: z.string(),
  gitUrl: z.string().max(2000, "At most 2000 characters."),
  gitRef: z.string().max(200, "At most 200 characters."),
  /** Resource name of the task that it is a part of; empty for none. */
  parent: z.string(),
  /** Of `later`: what the clock of `zone` shows then, as `2026-03-29T09:00`. */
  startAt: z.string(),
  zone: z.string(),
});
export type TaskDraft = z.output<typeof TaskDraft>;

export const EMPTY_TASK: TaskDraft = {
  title: "",
  brief: "",
  assignee: "",
  checks: [],
  priority: "TASK_PRIORITY_NORMAL",
  labels: "",
  due: "",
  gitUrl: "",
  gitRef: "",
  parent: "",
  start: "now",
  startAt: "",
  zone: "",
};

/** A draft, and the key under which it is sent: sending it twice makes one task. */
export interface KeptDraft {
  draft: TaskDraft;
  requestId: string;
}

interface Drafts {
  drafts: Record<string, KeptDraft>;
  keep(workspace: string, draft: TaskDraft): void;
  drop(workspace: string): void;
}

const without = (drafts: Record<string, KeptDraft>, workspace: string): Record<string, KeptDraft> =>
  Object.fromEntries(Object.entries(drafts).filter(([key]) => key !== workspace));

export const useTaskDrafts = create<Drafts>()(
  persist(
    (set) => ({
      drafts: {},
      // What has changed is another request: only the very same content is sent under the same key.
      keep: (workspace, draft) =>
        set((now) => ({ drafts: { ...now.drafts, [workspace]: { draft, requestId: crypto.randomUUID() } } })),
      drop: (workspace) => set((now) => ({ drafts: without(now.drafts, workspace) })),
    }),
    {
      name: "mc.taskDrafts",
      version: 2,
      // Until version 2 there was a `startNow` in place of `start`.
      migrate: (kept) => {
        const { drafts } = kept as { drafts: Record<string, { draft: { startNow?: boolean }; requestId: string }> };
        const now = Object.entries(drafts).map(([workspace, { draft, requestId }]) => {
          const { startNow, ...rest } = draft;
          return [
            workspace,
            { draft: { ...EMPTY_TASK, ...rest, start: startNow === false ? "board" : "now" }, requestId },
          ];
        });
        return { drafts: Object.fromEntries(now) } as Drafts;
      },
    },
  ),
);
