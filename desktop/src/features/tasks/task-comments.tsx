// What people said about a task, the oldest first; live, and one's own can be taken back.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";
import type { Task, TaskComment } from "~/api/gen/schemas";
import { commentsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import { useMe } from "~/app/workspace/workspace";
import { Markdown } from "~/features/run-detail/text/markdown";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Textarea } from "~/shared/ui/field";
import { LoadMore } from "~/shared/ui/load-more";
import { ProblemNote } from "~/shared/ui/problem-note";
import { Since } from "~/shared/ui/time";
import { Refused } from "./in-place";
import { Head } from "./task-ties";
import { useSayComment, useTakeBack } from "./use-comments";

export function Comments({ task, may }: { task: Task; may: boolean }) {
  const list = useInfiniteQuery({ ...commentsQuery(useTransport(), task.name), refetchInterval: usePolling() });
  const comments = list.data?.pages.flatMap((page) => page.taskComments) ?? [];
  return (
    <section aria-label="Comments" className="space-y-2">
      <Head title="Comments" count={task.commentCount || undefined} />
      {list.error && !list.data ? <ProblemNote problem={list.error} /> : null}
      {comments.length > 0 ? (
        <ul className="space-y-3">
          {comments.map((comment) => (
            <CommentLine key={comment.name} task={task} comment={comment} />
          ))}
        </ul>
      ) : list.isPending || may ? null : (
        <p className="text-muted">Nobody has said anything.</p>
      )}
      <LoadMore list={list} />
      {may ? <Say task={task} /> : null}
    </section>
  );
}

function CommentLine({ task, comment }: { task: Task; comment: TaskComment }) {
  const mine = comment.author === useMe().user.name;
  const takeBack = useTakeBack(task);
  return (
    <li className="group rounded-panel border px-3 py-2">
      <div className="flex min-h-6 items-center gap-2 text-muted text-xs">
        <span className="font-medium text-text">{mine ? "You" : "Another member"}</span>
        <Since time={comment.createTime} />
        {mine ? (
          <Button
            size="icon"
            look="quiet"
            aria-label="Take back your comment"
            title="Take it back"
            busy={takeBack.isPending}
            onClick={() => takeBack.mutate(comment)}
            className="ml-auto size-6 opacity-40 hover:opacity-100 focus-visible:opacity-100 group-hover:opacity-100 [&_svg]:size-3.5"
          >
            <Trash2 aria-hidden />
          </Button>
        ) : null}
      </div>
      <Markdown text={comment.text} />
      <Refused error={takeBack.error} />
    </li>
  );
}

/** Bytes of a comment at most. */
const MOST_BYTES = 16_384;

function Say({ task }: { task: Task }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState("");
  const say = useSayComment(task);
  const long = new TextEncoder().encode(text).length > MOST_BYTES;
  useKeys({ m: () => field.current?.focus() });
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (text.trim() === "" || long || say.isPending) return;
    say.mutate(text, { onSuccess: () => setText("") });
  };
  return (
    <form
      aria-label="Comment"
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) submit(event);
        if (event.key === "Escape") field.current?.blur();
      }}
      className="space-y-2"
    >
      <Textarea
        ref={field}
        aria-label="Say something about it"
        aria-keyshortcuts="m"
        aria-invalid={long || undefined}
        rows={2}
        placeholder="Say something about it (M). Runs do not read it."
        value={text}
        onChange={(event) => setText(event.target.value)}
        className="min-h-14"
      />
      {long ? (
        <p role="alert" className="text-bad-text text-xs">
          At most 16 KiB.
        </p>
      ) : null}
      <Refused error={say.error} />
      {text.trim() !== "" ? (
        <Button type="submit" size="sm" hotkey="mod+enter" busy={say.isPending} disabled={long}>
          {say.isPending ? "Sending..." : "Comment"}
        </Button>
      ) : null}
    </form>
  );
}
