// A time to start at, on the clock of a zone, and how far off that is.
import { useEffect } from "react";
import { atWords, until } from "~/shared/format/time";
import { instantOf, isZone, localOf, localZone } from "~/shared/format/zone";
import { Field, Input } from "~/shared/ui/field";
import { useNow } from "~/shared/ui/time";
import { ZoneField } from "~/shared/ui/zone-field";

const HOUR_MS = 3_600_000;
const MOST_MS = 365 * 24 * HOUR_MS;

/** What the clock of a zone shows then. */
export interface StartAt {
  /** `2026-03-29T09:00`. */
  readonly at: string;
  readonly zone: string;
}

/** The next full hour that is at least half an hour off. */
export const soon = (zone = localZone(), nowMs = Date.now()): StartAt => ({
  at: localOf(Math.ceil((nowMs + HOUR_MS / 2) / HOUR_MS) * HOUR_MS, zone),
  zone,
});

/** The moment as RFC 3339, or what is wrong with it. */
export function startTimeOf(
  { at, zone }: StartAt,
  nowMs: number,
): { time: string } | { field: "at" | "zone"; wrong: string } {
  if (!isZone(zone)) return { field: "zone", wrong: "There is no such time zone." };
  const moment = instantOf(at, zone);
  if (moment === null) return { field: "at", wrong: "Say when." };
  if (moment <= nowMs) return { field: "at", wrong: "That is over already." };
  if (moment > nowMs + MOST_MS) return { field: "at", wrong: "A year ahead at the most." };
  return { time: new Date(moment).toISOString() };
}

interface StartAtFieldsProps {
  value: StartAt;
  onChange: (value: StartAt) => void;
  /** True once it was tried to send it: then what is wrong is said. */
  tried: boolean;
}

export function StartAtFields({ value, onChange, tried }: StartAtFieldsProps) {
  const now = useNow();
  const start = startTimeOf(value, now);
  const wrong = (field: "at" | "zone") =>
    tried && "wrong" in start && start.field === field ? start.wrong : undefined;
  const { at, zone } = value;
  // Something to begin with, so that there is no field to be filled in first.
  useEffect(() => {
    if (at === "" && zone === "") onChange(soon());
  }, [at, zone, onChange]);
  return (
    <div className="grid items-start gap-4 sm:grid-cols-2">
      <Field
        label="Start at"
        error={wrong("at")}
        hint={"time" in start ? `In ${until(start.time, now)}, ${atWords(start.time, now)} here.` : " "}
      >
        {(control) => (
          <Input
            {...control}
            type="datetime-local"
            value={at}
            min={localOf(now, zone)}
            onChange={(event) => onChange({ at: event.target.value, zone })}
          />
        )}
      </Field>
      <ZoneField value={zone} onChange={(next) => onChange({ at, zone: next })} error={wrong("zone")} />
    </div>
  );
}
