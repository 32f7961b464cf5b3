// A time zone, found by a part of its name among all that there are.
import { useId } from "react";
import { localZone, zones } from "../format/zone";
import { Field, Input } from "./field";

interface ZoneFieldProps {
  value: string;
  onChange: (zone: string) => void;
  error?: string | undefined;
  label?: string;
  className?: string;
}

export function ZoneField({ value, onChange, error, label = "Time zone", className = "" }: ZoneFieldProps) {
  const list = useId();
  return (
    <Field
      label={label}
      error={error}
      className={className}
      aside={
        value === localZone() ? (
          "this machine's"
        ) : (
          <button
            type="button"
            onClick={() => onChange(localZone())}
            className="rounded-control text-accent-text hover:underline"
          >
            Use {localZone()}
          </button>
        )
      }
    >
      {(control) => (
        <>
          <Input
            {...control}
            list={list}
            spellCheck={false}
            placeholder="Europe/Berlin"
            value={value}
            onChange={(event) => onChange(event.target.value)}
          />
          <datalist id={list}>
            {zones().map((zone) => (
              <option key={zone} value={zone} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
