// A few words that go with a decision, sent by its verb.
import { useState } from "react";
import { Button } from "~/shared/ui/button";
import { Field, Textarea } from "~/shared/ui/field";

interface ReasonFormProps {
  label: string;
  hint: string;
  verb: string;
  /** Characters at the most. */
  most: number;
  onSubmit: (text: string) => void;
  onCancel?: () => void;
}

export function ReasonForm({ label, hint, verb, most, onSubmit, onCancel }: ReasonFormProps) {
  const [text, setText] = useState("");
  const [tried, setTried] = useState(false);
  const length = [...text.trim()].length;
  const wrong =
    length === 0
      ? "Write a few words."
      : length > most
        ? `At most ${most.toLocaleString("en")} characters; these are ${length.toLocaleString("en")}.`
        : "";
  const submit = () => {
    setTried(true);
    if (wrong === "") onSubmit(text.trim());
  };
  return (
    <form
      className="space-y-3"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Field label={label} hint={hint} error={tried && wrong ? wrong : undefined}>
        {(control) => (
          <Textarea
            {...control}
            autoFocus={onCancel !== undefined}
            rows={3}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape") onCancel?.();
              if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) submit();
            }}
          />
        )}
      </Field>
      <div className="flex gap-2">
        <Button type="submit" look="primary" hotkey="mod+enter">
          {verb}
        </Button>
        {onCancel ? (
          <Button look="quiet" hotkey="esc" onClick={onCancel}>
            Back
          </Button>
        ) : null}
      </div>
    </form>
  );
}
