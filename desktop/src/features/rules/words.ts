// What a rule allows, in the user's terms.
import type { ApprovalRule } from "~/api/gen/schemas";
import { plural } from "~/shared/format/count";
import type { Look } from "~/shared/ui/status";
import { argumentName, conditionWords } from "./conditions";

/** The conditions in a line: `method is exactly POST, url is this address or below it https://...`. */
export function ruleLine(rule: Pick<ApprovalRule, "conditions">): string {
  if (rule.conditions.length === 0) return "without arguments";
  return rule.conditions
    .map((condition) => {
      const [asks, what] = conditionWords(condition);
      return [argumentName(condition.pointer) || "arguments", asks, what].filter(Boolean).join(" ");
    })
    .join(", ");
}

/** `never used`, `used once`, `used 12 times`. */
export function usesWords(count: string): string {
  if (count === "0") return "never used";
  return count === "1" ? "used once" : `used ${plural(Number(count), "time")}`;
}

/** Look and word of a rule. */
export function ruleLook({ state }: Pick<ApprovalRule, "state">): [look: Look, word: string] {
  switch (state) {
    case "APPROVAL_RULE_STATE_ACTIVE":
      return ["succeeded", "holds"];
    case "APPROVAL_RULE_STATE_EXPIRED":
      return ["cancelled", "expired"];
    case "APPROVAL_RULE_STATE_REVOKED":
      return ["cancelled", "revoked"];
    default:
      return ["unknown", "unknown state"];
  }
}
