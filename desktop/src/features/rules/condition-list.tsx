// The conditions of a rule, as a person reads them.
import type { ArgumentCondition } from "~/api/gen/schemas";
import { plural } from "~/shared/format/count";
import { argumentName, conditionWords } from "./conditions";

/** Characters of a value that are shown. */
const SHOWN = 600;

export function ConditionList({ conditions }: { conditions: readonly ArgumentCondition[] }) {
  if (conditions.length === 0) return <p>It is called without arguments.</p>;
  return (
    <ul className="space-y-1">
      {conditions.map((condition) => {
        const [asks, what] = conditionWords(condition);
        const name = argumentName(condition.pointer);
        return (
          <li key={condition.pointer} className="min-w-0 break-words">
            {name ? <code className="text-xs">{name}</code> : "The arguments"}{" "}
            <span className="text-muted">{asks}</span>{" "}
            {what ? (
              <code className="whitespace-pre-wrap break-all rounded-control bg-sunken box-decoration-clone px-1.5 py-px text-xs">
                {what.slice(0, SHOWN)}
                {what.length > SHOWN ? "..." : ""}
              </code>
            ) : null}
            {what.length > SHOWN ? (
              <span className="text-faint text-xs"> {plural(what.length, "character")} in all</span>
            ) : null}
          </li>
        );
      })}
    </ul>
  );
}
