// Arguments as fields of a form, and back.
import { isShort } from "./arguments";
import { argumentsOf } from "./words";

export interface ArgumentField {
  readonly name: string;
  /** Texts are written as they are; everything else as JSON. */
  readonly kind: "text" | "json";
  readonly value: string;
  /** It gets more than a line. */
  readonly long: boolean;
}

/** One field per argument, short ones first; null where there is nothing to make fields of. */
export function fieldsOf(json: string): ArgumentField[] | null {
  const entries = Object.entries(argumentsOf({ argumentsJson: json }) ?? {});
  if (entries.length === 0) return null;
  const fields = entries.map(([name, value]): ArgumentField => {
    const long = !isShort(value);
    if (typeof value === "string") return { name, kind: "text", value, long };
    return { name, kind: "json", value: JSON.stringify(value, null, 2), long };
  });
  return fields.toSorted((a, b) => Number(a.long) - Number(b.long));
}

/** The arguments as a JSON object; not JSON when what was written into a field is not. */
export const jsonOf = (fields: readonly ArgumentField[]): string =>
  `{${fields
    .map(({ name, kind, value }) => `${JSON.stringify(name)}:${kind === "text" ? JSON.stringify(value) : value}`)
    .join(",")}}`;

/** Indented where it is JSON. */
export function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
