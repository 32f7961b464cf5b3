// Changing the arguments of a call before it is approved: a field for each, or all of them as JSON.
import { Braces, TextCursorInput } from "lucide-react";
import { type KeyboardEvent, useState } from "react";
import { Button } from "~/shared/ui/button";
import { Field, Input, Textarea } from "~/shared/ui/field";
import { type ArgumentField, fieldsOf, jsonOf, pretty } from "./argument-fields";
import { checkArguments } from "./check-arguments";

interface EditArgumentsProps {
  json: string;
  schemaJson: string;
  /** Given the arguments as compact JSON that fits the tool's schema. */
  onSubmit: (json: string) => void;
  onCancel: () => void;
}

export function EditArguments({ json, schemaJson, onSubmit, onCancel }: EditArgumentsProps) {
  const [text, setText] = useState(() => pretty(json));
  // Null while they are edited as JSON.
  const [fields, setFields] = useState(() => fieldsOf(json));
  const now = fields ? jsonOf(fields) : text;
  const wrong = checkArguments(now, schemaJson);
  const asFields = fields ? null : fieldsOf(text);

  const submit = () => {
    if (wrong.length === 0) onSubmit(JSON.stringify(JSON.parse(now)));
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Escape") onCancel();
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) submit();
  };
  return (
    <form
      className="space-y-3"
      onKeyDown={keys}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {fields ? (
        <Fields fields={fields} wrong={wrong} onChange={setFields} />
      ) : (
        <Field label="Arguments" error={wrong.length > 0 ? wrong.join("\n") : undefined}>
          {(control) => (
            <Textarea
              {...control}
              autoFocus
              spellCheck={false}
              rows={rowsOf(text, 16)}
              value={text}
              onChange={(event) => setText(event.target.value)}
              className="font-mono text-xs"
            />
          )}
        </Field>
      )}
      <p className="text-muted text-xs">The agent is told that you changed them.</p>
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="primary" hotkey="mod+enter" disabled={wrong.length > 0}>
          Approve with these
        </Button>
        <Button look="quiet" hotkey="esc" onClick={onCancel}>
          Back
        </Button>
        {fields ? (
          <Button
            look="quiet"
            className="ml-auto"
            onClick={() => {
              setText(pretty(now));
              setFields(null);
            }}
          >
            <Braces aria-hidden />
            As JSON
          </Button>
        ) : asFields ? (
          <Button look="quiet" className="ml-auto" onClick={() => setFields(asFields)}>
            <TextCursorInput aria-hidden />
            As fields
          </Button>
        ) : null}
      </div>
    </form>
  );
}

interface FieldsProps {
  fields: readonly ArgumentField[];
  wrong: readonly string[];
  onChange: (fields: ArgumentField[]) => void;
}

function Fields({ fields, wrong, onChange }: FieldsProps) {
  const about = (name: string) => wrong.filter((line) => line.startsWith(`${name}:`));
  const others = wrong.filter((line) => !fields.some(({ name }) => line.startsWith(`${name}:`)));
  const change = (name: string, value: string) =>
    onChange(fields.map((each) => (each.name === name ? { ...each, value } : each)));
  return (
    <div className="-mx-1 max-h-[40vh] space-y-3 overflow-auto px-1 pb-1">
      {fields.map(({ name, value, kind, long }, index) => (
        <Field
          key={name}
          label={name}
          aside={kind === "json" ? "JSON" : undefined}
          error={about(name).join("\n") || undefined}
        >
          {(control) =>
            long ? (
              <Textarea
                {...control}
                autoFocus={index === 0}
                spellCheck={kind === "text"}
                rows={rowsOf(value, 12)}
                value={value}
                onChange={(event) => change(name, event.target.value)}
                className="font-mono text-xs"
              />
            ) : (
              <Input
                {...control}
                autoFocus={index === 0}
                spellCheck={false}
                value={value}
                onChange={(event) => change(name, event.target.value)}
                className="font-mono text-xs"
              />
            )
          }
        </Field>
      ))}
      {others.length > 0 ? (
        <p role="alert" className="whitespace-pre-line text-bad-text text-xs">
          {others.join("\n")}
        </p>
      ) : null}
    </div>
  );
}

/** Rows that show `text` whole, within bounds; lines wrap at about this many characters. */
function rowsOf(text: string, most: number): number {
  const rows = text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 54)), 0);
  return Math.min(most, Math.max(3, rows));
}
