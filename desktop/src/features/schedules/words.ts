// How a schedule and its fires stand, in the user's terms.
import type { MissedFirePolicy, OverlapPolicy, Schedule, ScheduleFire } from "~/api/gen/schemas";
import { plural } from "~/shared/format/count";
import type { Look } from "~/shared/ui/status";
import { cronWords } from "./cron";

/** `every day at 09:00, Europe/Berlin`; the expression itself where it has no simple words. */
export const whenWords = ({ cron, timeZone }: Pick<Schedule, "cron" | "timeZone">): string =>
  `${cronWords(cron) ?? cron}, ${zoneWords(timeZone)}`;

/** `America/New York`. */
export const zoneWords = (zone: string): string => zone.replaceAll("_", " ");

export const OVERLAPS: readonly { value: OverlapPolicy; label: string; says: string }[] = [
  { value: "OVERLAP_POLICY_SKIP", label: "Skip this one", says: "skips it" },
  { value: "OVERLAP_POLICY_QUEUE", label: "Wait until that one has ended", says: "waits for it" },
  { value: "OVERLAP_POLICY_REPLACE", label: "Cancel that one and start anew", says: "cancels it and starts anew" },
];

export const MISSES: readonly { value: MissedFirePolicy; label: string; says: string }[] = [
  { value: "MISSED_FIRE_POLICY_ONCE", label: "Start once for all of them", says: "starts once for all of them" },
  { value: "MISSED_FIRE_POLICY_SKIP", label: "Let them be", says: "lets them be" },
  {
    value: "MISSED_FIRE_POLICY_ALL",
    label: "Start each, the newest 100 at most",
    says: "starts each, the newest 100 at most",
  },
];

/** What is done, of a policy; unspecified stands for the first. */
export const policyWords = <Value extends string>(
  policies: readonly { value: Value; says: string }[],
  value: Value,
): string =>
  policies.find((each) => each.value === value)?.says ??
  (value.endsWith("_UNSPECIFIED") ? (policies[0]?.says ?? "") : "does what this version does not know");

/** Look and word of a schedule. */
export function scheduleLook({ paused, lastFire }: Pick<Schedule, "paused" | "lastFire">): [look: Look, word: string] {
  if (paused) return ["paused", "paused"];
  if (lastFire?.state === "SCHEDULE_FIRE_STATE_FAILED") return ["failed", "did not start"];
  return ["queued", "on"];
}

const SKIPS: Record<string, string> = {
  OVERLAP: "Skipped: the run before it had not ended",
  QUEUE_FULL: "Skipped: 100 wait already",
  REPLACED: "Skipped: a newer one took its place",
  SCHEDULE_PAUSED: "Skipped: the schedule was paused",
  MISSED: "Missed, and let be",
};

/** Look and words of a fire. */
export function fireLook(
  fire: Pick<ScheduleFire, "state" | "reason" | "message" | "cancelCommand" | "attempts">,
): [look: Look, words: string] {
  switch (fire.state) {
    case "SCHEDULE_FIRE_STATE_STARTED":
      return ["succeeded", "Started"];
    case "SCHEDULE_FIRE_STATE_SKIPPED":
      return ["cancelled", SKIPS[fire.reason] ?? `Skipped: ${fire.message || fire.reason}`];
    case "SCHEDULE_FIRE_STATE_FAILED":
      return ["failed", `Did not start: ${fire.message || fire.reason}`];
    case "SCHEDULE_FIRE_STATE_WAITING":
      return [
        "queued",
        fire.cancelCommand ? "Waits until the run before it is cancelled" : "Waits for the run before it",
      ];
    case "SCHEDULE_FIRE_STATE_DUE":
      return fire.attempts > 0 && fire.message
        ? ["queued", `Not started yet, tried ${plural(fire.attempts, "time")}: ${fire.message}`]
        : ["running", "Starting..."];
    default:
      return ["unknown", "In a state that this version does not know"];
  }
}

/** True while something is about to become of a fire. */
export const isOpen = ({ state }: Pick<ScheduleFire, "state">): boolean =>
  state === "SCHEDULE_FIRE_STATE_DUE" || state === "SCHEDULE_FIRE_STATE_WAITING";
