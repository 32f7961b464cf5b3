// Checks arguments that a person has edited: JSON first, then the tool's own schema where it is known.
import { z } from "zod";

/** What is wrong, one line per place; empty when nothing is. */
export function checkArguments(json: string, schemaJson: string): string[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (thrown) {
    return [`This is not JSON: ${thrown instanceof Error ? thrown.message : "it cannot be read"}.`];
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return ["Arguments are a JSON object: { ... }."];
  const schema = readSchema(schemaJson);
  const result = schema?.safeParse(value);
  if (!result || result.success) return [];
  return result.error.issues.map(({ path, message }) => {
    const place = path.map(String).join(".");
    return place ? `${place}: ${message}` : message;
  });
}

/** The tool's schema; null when there is none, or it says what this build cannot check: the gateway then decides. */
function readSchema(json: string): z.ZodType | null {
  if (json.trim() === "") return null;
  try {
    return z.fromJSONSchema(JSON.parse(json));
  } catch {
    return null;
  }
}
