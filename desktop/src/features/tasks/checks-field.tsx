// What must be true of a result, a line each; Enter goes on to the next.
import { Plus, X } from "lucide-react";
import { useRef } from "react";
import { Button } from "~/shared/ui/button";
import { Input } from "~/shared/ui/field";

/** Checks at the most. */
const MOST = 20;

interface ChecksFieldProps {
  checks: readonly { text: string }[];
  onChange: (checks: { text: string }[]) => void;
  /** What is wrong with the check at this place. */
  errorOf: (index: number) => string | undefined;
}

export function ChecksField({ checks, onChange, errorOf }: ChecksFieldProps) {
  // Rows keep their fields while those before them go.
  const ids = useRef<number[]>([]);
  while (ids.current.length < checks.length) ids.current.push((ids.current.at(-1) ?? 0) + 1);
  const added = useRef(false);
  const add = () => {
    if (checks.length >= MOST) return;
    added.current = true;
    onChange([...checks, { text: "" }]);
  };
  const remove = (index: number) => {
    ids.current = ids.current.filter((_, place) => place !== index);
    onChange(checks.filter((_, place) => place !== index));
  };
  return (
    <fieldset className="space-y-2">
      <legend className="mb-1.5 flex w-full items-baseline justify-between font-medium">
        It is done when <span className="font-normal text-faint text-xs">optional</span>
      </legend>
      {checks.map((check, index) => {
        const error = errorOf(index);
        return (
          <div key={ids.current[index]}>
            <div className="flex gap-2">
              <Input
                ref={(input) => {
                  if (!input || !added.current || index < checks.length - 1) return;
                  added.current = false;
                  input.focus();
                }}
                value={check.text}
                onChange={(event) =>
                  onChange(checks.map((each, place) => (place === index ? { text: event.target.value } : each)))
                }
                aria-label={`Check ${index + 1}`}
                aria-invalid={error ? true : undefined}
                placeholder="The test passes a hundred times in a row"
                onKeyDown={(event) => {
                  if (event.key !== "Enter" || event.metaKey || event.ctrlKey) return;
                  event.preventDefault();
                  add();
                }}
              />
              <Button
                look="quiet"
                size="icon"
                className="size-8"
                aria-label={`Remove check ${index + 1}`}
                onClick={() => remove(index)}
              >
                <X aria-hidden />
              </Button>
            </div>
            {error ? (
              <p role="alert" className="mt-1 text-bad-text text-xs">
                {error}
              </p>
            ) : null}
          </div>
        );
      })}
      {checks.length < MOST ? (
        <Button size="sm" look="quiet" className="-ml-2" onClick={add}>
          <Plus aria-hidden />
          Add a check
        </Button>
      ) : null}
    </fieldset>
  );
}
