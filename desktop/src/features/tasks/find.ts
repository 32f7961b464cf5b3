// Finding tasks by their words, among those that are loaded.
import type { Task } from "~/api/gen/schemas";

/** Tasks whose title or brief has every word of `query`, whatever its case; in the order they came. */
export function found(tasks: readonly Task[], query: string): Task[] {
  const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return tasks.filter((task) => {
    const text = `${task.title}\n${task.brief}`.toLocaleLowerCase();
    return words.every((word) => text.includes(word));
  });
}
