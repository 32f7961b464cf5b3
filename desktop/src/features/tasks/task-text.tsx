// Title, brief and acceptance checks of a task, and changing them where they stand.
import { useState } from "react";
import type { Task } from "~/api/gen/schemas";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Input, Textarea } from "~/shared/ui/field";
import { ChecksField } from "./checks-field";
import { InPlaceForm, Pencil, useInPlace } from "./in-place";
import { useChangeTask } from "./use-tasks";

interface PartProps {
  task: Task;
  may: boolean;
}

export function TitlePart({ task, may }: PartProps) {
  const [editing, setEditing] = useState(false);
  useKeys({ e: () => setEditing(true) }, may && !editing);
  if (editing) return <TitleForm task={task} onClose={() => setEditing(false)} />;
  return (
    <div className="group flex items-start gap-1.5">
      <h2 className="min-w-0 text-pretty break-words font-semibold text-lg">{task.title}</h2>
      {may ? <Pencil label="Change the title" hotkey="e" onClick={() => setEditing(true)} /> : null}
    </div>
  );
}

function TitleForm({ task, onClose }: { task: Task; onClose: () => void }) {
  const { change } = useChangeTask(task);
  const edit = useInPlace({ value: task.title, onSave: (title) => change({ title: title.trim() }), onClose });
  return (
    <InPlaceForm label="Change the title" edit={edit} enter>
      <h2 className="sr-only">{task.title}</h2>
      <Input
        autoFocus
        aria-label="Title"
        value={edit.draft}
        onChange={(event) => edit.setDraft(event.target.value)}
        className="h-9 font-semibold text-lg"
      />
    </InPlaceForm>
  );
}

export function BriefPart({ task, may }: PartProps) {
  const [editing, setEditing] = useState(false);
  if (editing) return <BriefForm task={task} onClose={() => setEditing(false)} />;
  return (
    <div className="group flex items-start gap-1.5">
      {task.brief ? (
        <p className="min-w-0 whitespace-pre-wrap break-words">{task.brief}</p>
      ) : (
        <p className="text-muted">No brief: the title says it all.</p>
      )}
      {may ? <Pencil label="Change the brief" onClick={() => setEditing(true)} /> : null}
    </div>
  );
}

function BriefForm({ task, onClose }: { task: Task; onClose: () => void }) {
  const { change } = useChangeTask(task);
  const edit = useInPlace({ value: task.brief, onSave: (brief) => change({ brief }), onClose });
  return (
    <InPlaceForm label="Change the brief" edit={edit}>
      <Textarea
        autoFocus
        aria-label="Brief"
        rows={7}
        value={edit.draft}
        onChange={(event) => edit.setDraft(event.target.value)}
      />
      <p className="text-muted text-xs">Runs that have started keep the brief they started with.</p>
    </InPlaceForm>
  );
}

export function ChecksPart({ task, may }: PartProps) {
  const [editing, setEditing] = useState(false);
  if (editing) return <ChecksForm task={task} onClose={() => setEditing(false)} />;
  if (task.acceptanceChecks.length === 0) {
    return may ? (
      <Button size="sm" look="quiet" className="-ml-2" onClick={() => setEditing(true)}>
        Say when it is done
      </Button>
    ) : null;
  }
  return (
    <div className="group">
      <div className="mb-1.5 flex items-center gap-1.5">
        <h3 className="text-muted">It is done when</h3>
        {may ? <Pencil label="Change when it is done" onClick={() => setEditing(true)} /> : null}
      </div>
      <ul className="list-disc space-y-1 pl-5 marker:text-faint">
        {task.acceptanceChecks.map((check) => (
          <li key={check}>{check}</li>
        ))}
      </ul>
    </div>
  );
}

function ChecksForm({ task, onClose }: { task: Task; onClose: () => void }) {
  const { change } = useChangeTask(task);
  const [rows, setRows] = useState(() =>
    (task.acceptanceChecks.length > 0 ? task.acceptanceChecks : [""]).map((text) => ({ text })),
  );
  const edit = useInPlace({
    value: task.acceptanceChecks,
    onSave: (acceptanceChecks) => change({ acceptanceChecks }),
    onClose,
  });
  const keep = (next: { text: string }[]) => {
    setRows(next);
    edit.setDraft(next.map(({ text }) => text.trim()).filter(Boolean));
  };
  const long = "At most 500 characters.";
  return (
    <InPlaceForm label="Change when it is done" edit={edit}>
      <ChecksField
        checks={rows}
        onChange={keep}
        errorOf={(index) => ((rows[index]?.text.length ?? 0) > 500 ? long : undefined)}
      />
    </InPlaceForm>
  );
}
