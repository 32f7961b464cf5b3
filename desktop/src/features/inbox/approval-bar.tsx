// Deciding an approval: approve it, approve it with other arguments, or reject it with a reason.
import { Check, PencilLine, X } from "lucide-react";
import { useState } from "react";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Field, Textarea } from "~/shared/ui/field";
import { checkArguments } from "./check-arguments";
import type { Answering } from "./item-peek";
import { ReasonForm } from "./reason-form";

type Mode = "choose" | "edit" | "reject";

export function ApprovalBar({ item, busy, decide }: Answering) {
  const [mode, setMode] = useState<Mode>("choose");
  const approve = () => decide({ approve: {} });
  useKeys({ a: approve, e: () => setMode("edit"), r: () => setMode("reject") }, mode === "choose" && !busy);

  if (mode === "edit") {
    return (
      <EditForm
        json={item.argumentsJson}
        schemaJson={item.parametersJsonSchema}
        onCancel={() => setMode("choose")}
        onSubmit={(argumentsJson) => decide({ approve: { argumentsJson } })}
      />
    );
  }
  if (mode === "reject") {
    return (
      <ReasonForm
        label="Why not?"
        hint={`${item.agentDisplayName || "The agent"} reads this and goes on without the call.`}
        verb="Reject"
        most={2000}
        onCancel={() => setMode("choose")}
        onSubmit={(reason) => decide({ reject: { reason } })}
      />
    );
  }
  return (
    <div className="flex flex-wrap gap-2">
      <Button look="primary" hotkey="a" busy={busy} onClick={approve}>
        <Check aria-hidden />
        Approve
      </Button>
      <Button hotkey="e" onClick={() => setMode("edit")}>
        <PencilLine aria-hidden />
        Edit
      </Button>
      <Button look="danger" hotkey="r" onClick={() => setMode("reject")}>
        <X aria-hidden />
        Reject
      </Button>
    </div>
  );
}

interface EditFormProps {
  json: string;
  schemaJson: string;
  onSubmit: (json: string) => void;
  onCancel: () => void;
}

function EditForm({ json, schemaJson, onSubmit, onCancel }: EditFormProps) {
  const [text, setText] = useState(() => pretty(json));
  const wrong = checkArguments(text, schemaJson);
  const submit = () => {
    if (wrong.length === 0) onSubmit(JSON.stringify(JSON.parse(text)));
  };
  return (
    <form
      className="space-y-3"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Field
        label="Arguments"
        hint="The agent is told that you changed them."
        error={wrong.length > 0 ? wrong.join("\n") : undefined}
      >
        {(control) => (
          <Textarea
            {...control}
            autoFocus
            spellCheck={false}
            rows={Math.min(16, Math.max(5, text.split("\n").length))}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape") onCancel();
              if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) submit();
            }}
            className="font-mono text-xs"
          />
        )}
      </Field>
      <div className="flex gap-2">
        <Button type="submit" look="primary" hotkey="mod+enter" disabled={wrong.length > 0}>
          Approve with these
        </Button>
        <Button look="quiet" hotkey="esc" onClick={onCancel}>
          Back
        </Button>
      </div>
    </form>
  );
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
