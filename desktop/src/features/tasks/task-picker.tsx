// Finding one task among all: by a part of a word among the newest, by whole words among all there are.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Command } from "cmdk";
import { useState } from "react";
import type { Task } from "~/api/gen/schemas";
import { tasksQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { Dialog } from "~/shared/ui/dialog";
import { TaskStatus } from "~/shared/ui/status";
import { useSettled } from "~/shared/ui/use-settled";
import { found } from "./find";
import { PriorityMark } from "./marks";
import { merged } from "./use-board";

interface TaskPickerProps {
  title: string;
  /** Names of tasks that cannot be picked. */
  without: readonly string[];
  onPick: (task: Task) => void;
  onClose: () => void;
}

export function TaskPicker({ title, without, onPick, onClose }: TaskPickerProps) {
  const transport = useTransport();
  const workspace = useWorkspace();
  const [written, setWritten] = useState("");
  const words = written.trim();
  const query = useSettled(words);
  const newest = useInfiniteQuery(tasksQuery(transport, workspace));
  const asked = useInfiniteQuery({ ...tasksQuery(transport, workspace, { query }), enabled: query !== "" });
  const loaded = newest.data?.pages.flatMap((page) => page.tasks) ?? [];
  const answered = (query === words && asked.data?.pages.flatMap((page) => page.tasks)) || [];
  const tasks = merged(loaded, words === "" ? loaded : found(loaded, words), words === "" ? [] : answered).filter(
    ({ name }) => !without.includes(name),
  );
  return (
    <Dialog title={title} bare onClose={onClose} className="overflow-hidden">
      <Command loop shouldFilter={false} label={title} className="flex max-h-[60vh] flex-col">
        <Command.Input
          autoFocus
          value={written}
          onValueChange={setWritten}
          placeholder={title}
          className="h-12 shrink-0 border-b bg-transparent px-4 text-lg outline-none"
        />
        <Command.List className="min-h-0 overflow-auto p-1.5">
          <Command.Empty className="px-3 py-8 text-center text-muted">
            {newest.isPending || asked.isFetching || query !== words ? "Looking..." : "No task fits."}
          </Command.Empty>
          {tasks.slice(0, 50).map((task) => (
            <Command.Item
              key={task.name}
              value={task.name}
              onSelect={() => onPick(task)}
              className="flex h-8 cursor-default items-center gap-2.5 rounded-control px-2.5 data-[selected=true]:bg-selected"
            >
              <PriorityMark priority={task.priority} />
              <TaskStatus state={task.state} silent />
              <span className="truncate">{task.title}</span>
            </Command.Item>
          ))}
        </Command.List>
      </Command>
    </Dialog>
  );
}
