// What the arguments of a call must be so that a rule allows it: from the arguments of one call, and back into words.
import type { ArgumentCondition } from "~/api/gen/schemas";
import { argumentsOf } from "../inbox/words";

/** How an argument is held to what it was. */
export type Hold = "equals" | "below" | "begins" | "any";

/** One argument of a call, and how a rule is to speak of it. */
export interface ArgumentHold {
  readonly name: string;
  readonly value: unknown;
  readonly hold: Hold;
  /** Of `below` and `begins`: the address, or the beginning. */
  readonly text: string;
}

const isAddress = (value: unknown): value is string => typeof value === "string" && /^https?:\/\//i.test(value);

/** Ways to hold an argument with this value, the narrowest first. */
export function holdsFor(value: unknown): readonly Hold[] {
  if (isAddress(value)) return ["equals", "below", "any"];
  return typeof value === "string" && value !== "" ? ["equals", "begins", "any"] : ["equals", "any"];
}

/** An address without its query and fragment: what can lie below it. */
const placeOf = (address: string): string => address.replace(/[?#].*$/s, "");

/** Each argument of a call, held to just what it is; null when they cannot be told apart. */
export function holdsOf(argumentsJson: string): ArgumentHold[] | null {
  const entries = argumentsOf({ argumentsJson });
  if (!entries) return null;
  return Object.entries(entries).map(([name, value]) => ({
    name,
    value,
    hold: "equals",
    text: isAddress(value) ? placeOf(value) : typeof value === "string" ? value : "",
  }));
}

/** True when only the very same call fits. */
export const isExact = (holds: readonly ArgumentHold[]): boolean => holds.every(({ hold }) => hold === "equals");

const pointerOf = (name: string): string => `/${name.replace(/~/g, "~0").replace(/\//g, "~1")}`;

export const conditionsOf = (holds: readonly ArgumentHold[]): ArgumentCondition[] => holds.map(conditionOf);

function conditionOf({ name, value, hold, text }: ArgumentHold): ArgumentCondition {
  const pointer = pointerOf(name);
  switch (hold) {
    case "equals":
      return { pointer, equalsJson: JSON.stringify(value) };
    case "below":
      return { pointer, urlPrefix: text.trim() };
    case "begins":
      return { pointer, textPrefix: text };
    case "any":
      return { pointer, any: {} };
  }
}

/** The argument that a pointer is about: `url`, `items › 0`; empty for all of them. */
export const argumentName = (pointer: string): string =>
  pointer
    .split("/")
    .slice(1)
    .map((part) => part.replace(/~1/g, "/").replace(/~0/g, "~"))
    .join(" › ");

/** What a condition asks of its argument, before and in code: `["is exactly", "\"POST\""]`. */
export function conditionWords(condition: ArgumentCondition): [asks: string, what: string] {
  if (condition.equalsJson !== undefined) {
    return [condition.pointer === "" ? "are exactly" : "is exactly", shown(condition.equalsJson)];
  }
  if (condition.oneOf) return ["is one of", condition.oneOf.valuesJson.map(shown).join(", ")];
  if (condition.textPrefix !== undefined) return ["begins with", condition.textPrefix];
  if (condition.urlPrefix !== undefined) return ["is this address or below it", condition.urlPrefix];
  if (condition.any) return ["is anything, or nothing", ""];
  return ["is held in a way that this version does not know", ""];
}

/** A text without its quotes; everything else as JSON. */
function shown(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "string" && value !== "" ? value : json;
  } catch {
    return json;
  }
}
