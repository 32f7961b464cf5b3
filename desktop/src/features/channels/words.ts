// Channels and what goes out on them, in the user's terms.
import type { Channel, ChannelFormat, Delivery, NotificationKind } from "~/api/gen/schemas";
import { plural } from "~/shared/format/count";
import { durationMs } from "~/shared/format/time";
import type { Look } from "~/shared/ui/status";

/** What a channel can be told of. `usual` is what it is told of if nothing is said. */
export const KINDS = [
  { value: "NOTIFICATION_KIND_APPROVAL", label: "Approvals", says: "A run wants leave for a call", usual: true },
  { value: "NOTIFICATION_KIND_QUESTION", label: "Questions", says: "A run asks something", usual: true },
  {
    value: "NOTIFICATION_KIND_OUTCOME",
    label: "Unknown outcomes",
    says: "Nobody knows whether a call took effect",
    usual: true,
  },
  {
    value: "NOTIFICATION_KIND_OVERDUE",
    label: "Overdue approvals",
    says: "Nobody has decided in time",
    usual: true,
  },
  {
    value: "NOTIFICATION_KIND_LIMIT",
    label: "Limits",
    says: "A run reached its steps, tokens, cost or time",
    usual: true,
  },
  { value: "NOTIFICATION_KIND_FAILURE", label: "Failures", says: "A run failed of anything else", usual: true },
  { value: "NOTIFICATION_KIND_SUCCESS", label: "Successes", says: "A run succeeded", usual: false },
  { value: "NOTIFICATION_KIND_CANCELLATION", label: "Cancellations", says: "A run was cancelled", usual: false },
] as const satisfies readonly { value: NotificationKind; label: string; says: string; usual: boolean }[];

export const USUAL_KINDS: readonly NotificationKind[] = KINDS.filter(({ usual }) => usual).map(({ value }) => value);

/** What a notification is about, in a row. */
export function kindWord(kind: NotificationKind): string {
  if (kind === "NOTIFICATION_KIND_TEST") return "Test";
  const one: Partial<Record<NotificationKind, string>> = {
    NOTIFICATION_KIND_APPROVAL: "Approval",
    NOTIFICATION_KIND_QUESTION: "Question",
    NOTIFICATION_KIND_OUTCOME: "Unknown outcome",
    NOTIFICATION_KIND_OVERDUE: "Overdue approval",
    NOTIFICATION_KIND_LIMIT: "Limit reached",
    NOTIFICATION_KIND_FAILURE: "Failure",
    NOTIFICATION_KIND_SUCCESS: "Success",
    NOTIFICATION_KIND_CANCELLATION: "Cancellation",
  };
  return one[kind] ?? "Something that this version does not know";
}

/** What a channel is told of, in a sentence. */
export function kindsWords(kinds: readonly NotificationKind[]): string {
  const told = kinds.length === 0 ? USUAL_KINDS : kinds;
  const known = KINDS.filter(({ value }) => told.includes(value)).map(({ label }) => label.toLowerCase());
  const unknown = told.length - known.length;
  const all =
    unknown > 0 ? [...known, plural(unknown, "kind that this version does not know", "kinds unknown here")] : known;
  return known.length === KINDS.length ? "everything" : all.join(", ");
}

export const FORMATS = [
  {
    value: "CHANNEL_FORMAT_STANDARD_WEBHOOK",
    label: "Webhook",
    says: "A signed JSON document to an address of yours, as Standard Webhooks says.",
  },
  {
    value: "CHANNEL_FORMAT_SLACK",
    label: "Slack",
    says: "A message by an incoming webhook of Slack, or of what understands the same.",
  },
] as const satisfies readonly { value: ChannelFormat; label: string; says: string }[];

export const formatWord = (format: ChannelFormat): string =>
  FORMATS.find(({ value }) => value === format)?.label ?? "In a way that this version does not know";

/** The host of an address; of a Slack channel no more than that is known. */
export function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

/** Look and word of a channel. */
export function channelLook({ disabled, disableReason }: Pick<Channel, "disabled" | "disableReason">): [Look, string] {
  if (!disabled) return ["succeeded", "on"];
  return disableReason === "GONE" ? ["failed", "gone"] : ["paused", "off"];
}

/** Look and words of a delivery. */
export function deliveryLook({ state, attempts, nextAttemptTime }: Delivery): [look: Look, words: string] {
  switch (state) {
    case "DELIVERY_STATE_PENDING":
      if (attempts > 0) return ["queued", `Tried ${plural(attempts, "time")}, not there yet`];
      return ["running", nextAttemptTime && Date.parse(nextAttemptTime) > Date.now() + 5_000 ? "Waits" : "On its way"];
    case "DELIVERY_STATE_DELIVERED":
      return ["succeeded", "Delivered"];
    case "DELIVERY_STATE_DEAD":
      return ["failed", `Given up after ${plural(attempts, "attempt")}`];
    case "DELIVERY_STATE_SKIPPED":
      return ["cancelled", "Not needed"];
    default:
      return ["unknown", "In a state that this version does not know"];
  }
}

/** True while something is about to become of it. */
export const isUnderWay = ({ state }: Pick<Delivery, "state">): boolean => state === "DELIVERY_STATE_PENDING";

/** Minutes of a delay as the contract writes it (`900s`); 0 for none. */
export const minutesOf = (delay: string | undefined): number => (delay ? durationMs(delay) / 60_000 : 0);

const HOUR = 60;

/** `at once`, `after 15 min`, `after 2 h`, `after 90 s`. */
export function delayWords(delay: string | undefined): string {
  const minutes = minutesOf(delay);
  if (minutes === 0) return "at once";
  if (!Number.isInteger(minutes)) return `after ${Math.round(minutes * 60)} s`;
  return minutes % HOUR === 0 ? `after ${minutes / HOUR} h` : `after ${minutes} min`;
}
