// Where the work of a task is: a repository and what of it.
import { useState } from "react";
import type { Task, TaskSource } from "~/api/gen/schemas";
import { CopyButton } from "~/features/run-detail/text/copy-button";
import { Input } from "~/shared/ui/field";
import { INLINE } from "~/shared/ui/menu";
import { InPlaceForm, Pencil, useInPlace } from "./in-place";
import { useChangeTask } from "./use-tasks";

export function SourceFact({ task, may }: { task: Task; may: boolean }) {
  const [editing, setEditing] = useState(false);
  if (editing) return <SourceForm task={task} onClose={() => setEditing(false)} />;
  const { source } = task;
  if (!source) {
    return may ? (
      <button type="button" className={`${INLINE} text-faint`} onClick={() => setEditing(true)}>
        nowhere in particular
        <span className="sr-only">: say where the work is</span>
      </button>
    ) : (
      <span className="text-faint">nowhere in particular</span>
    );
  }
  return (
    <span className="group flex items-center gap-1">
      <span className="min-w-0 break-all font-mono text-xs">
        {source.gitUrl}
        {source.gitRef ? (
          <>
            {" "}
            <span className="inline-block text-muted">at {source.gitRef}</span>
          </>
        ) : null}
      </span>
      <CopyButton label="Copy the address" text={source.gitUrl} />
      {may ? <Pencil label="Change the source" onClick={() => setEditing(true)} /> : null}
    </span>
  );
}

const NOWHERE: TaskSource = { gitUrl: "", gitRef: "" };

function SourceForm({ task, onClose }: { task: Task; onClose: () => void }) {
  const { change } = useChangeTask(task);
  const edit = useInPlace({
    value: task.source ?? NOWHERE,
    onSave: ({ gitUrl, gitRef }) =>
      change({ source: gitUrl.trim() === "" ? null : { gitUrl: gitUrl.trim(), gitRef: gitRef.trim() } }),
    onClose,
  });
  const { gitUrl, gitRef } = edit.draft;
  return (
    <InPlaceForm label="Change the source" edit={edit} enter>
      <div className="flex flex-wrap gap-2">
        <Input
          autoFocus
          aria-label="Repository"
          placeholder="https://git.acme.example/app.git"
          spellCheck={false}
          value={gitUrl}
          onChange={(event) => edit.setDraft({ gitUrl: event.target.value, gitRef })}
          className="min-w-48 flex-1 font-mono text-xs"
        />
        <Input
          aria-label="Branch, tag or commit"
          placeholder="default branch"
          spellCheck={false}
          value={gitRef}
          onChange={(event) => edit.setDraft({ gitUrl, gitRef: event.target.value })}
          className="w-36 font-mono text-xs"
        />
      </div>
    </InPlaceForm>
  );
}
