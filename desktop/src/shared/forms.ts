// Puts what the gateway says about fields at the fields of a form.
import type { FieldValues, Path, UseFormReturn } from "react-hook-form";
import { asProblem, type Problem } from "~/api/problem";

/**
 * Sets the violations of `thrown` on the form and gives back what is left to show above it: null when every violation
 * found its field. `fieldOf` turns a path of the contract (`agent.spec.model`) into a field of the form.
 */
export function placeViolations<Values extends FieldValues>(
  form: Pick<UseFormReturn<Values>, "setError" | "setFocus">,
  thrown: unknown,
  fieldOf: (path: string) => Path<Values> | null,
): Problem | null {
  const problem = asProblem(thrown);
  if (problem.violations.length === 0) return problem;
  let homeless = false;
  let first = true;
  for (const { field, description } of problem.violations) {
    const target = fieldOf(field);
    if (!target) {
      homeless = true;
      continue;
    }
    form.setError(target, { type: "server", message: sentence(description) });
    if (first) form.setFocus(target);
    first = false;
  }
  return homeless ? problem : null;
}

/** Violations are clauses ("must be 1 to 80 characters"); on their own they begin with a capital and end with a stop. */
function sentence(clause: string): string {
  const text = clause.trim();
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
