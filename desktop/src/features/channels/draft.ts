// A channel as its form has it, and the way to and from the contract's shape.
import { z } from "zod";
import type { Channel } from "~/api/gen/schemas";
import { FORMATS, minutesOf, USUAL_KINDS } from "./words";

/** Minutes that a channel waits at most. */
const MOST_MINUTES = 24 * 60;

const FORMAT_NAMES = FORMATS.map(({ value }) => value) as ["CHANNEL_FORMAT_STANDARD_WEBHOOK", "CHANNEL_FORMAT_SLACK"];

/** The form. Bounds are those of the contract; what an address may be is the gateway's to say. */
export const ChannelDraft = z.object({
  format: z.enum(FORMAT_NAMES),
  displayName: z.string().trim().min(1, "Give it a name.").max(80, "At most 80 characters."),
  /** Empty where it is a secret that stays as it is. */
  url: z.string().trim(),
  kinds: z.array(z.string()).min(1, "Tick something; a channel that is told of nothing can be turned off instead."),
  /** Names of agents; none for all. */
  agents: z.array(z.string()).max(20, "At most 20; tick none for all."),
  delayMinutes: z.number().min(0).max(MOST_MINUTES, "At most 24 hours."),
  includeContent: z.boolean(),
});
export type ChannelDraft = z.output<typeof ChannelDraft>;

export const newChannel = (): ChannelDraft => ({
  format: "CHANNEL_FORMAT_STANDARD_WEBHOOK",
  displayName: "",
  url: "",
  kinds: [...USUAL_KINDS],
  agents: [],
  delayMinutes: 0,
  includeContent: false,
});

/** True where the address is a secret, so that it is replaced and never changed. */
export const keepsAddressSecret = (format: Channel["format"]): boolean => format === "CHANNEL_FORMAT_SLACK";

/** The form of a channel as it is. */
export function draftOf(channel: Channel): ChannelDraft {
  const format = ChannelDraft.shape.format.safeParse(channel.format);
  return {
    format: format.success ? format.data : "CHANNEL_FORMAT_STANDARD_WEBHOOK",
    displayName: channel.displayName,
    url: keepsAddressSecret(channel.format) ? "" : channel.url,
    kinds: channel.kinds.length > 0 ? [...channel.kinds] : [...USUAL_KINDS],
    agents: [...channel.agents],
    delayMinutes: minutesOf(channel.delay),
    includeContent: channel.includeContent,
  };
}

/** What people change of a channel, for the gateway. */
export function contentOf({ displayName, kinds, agents, delayMinutes, includeContent }: ChannelDraft) {
  return {
    displayName,
    kinds,
    agents,
    includeContent,
    ...(delayMinutes > 0 ? { delay: `${Math.round(delayMinutes * 60)}s` } : {}),
  };
}

/** The fields that saving changes; an address that is a secret is none of them. */
export const maskOf = (format: Channel["format"]): string =>
  ["displayName", "kinds", "agents", "delay", "includeContent", ...(keepsAddressSecret(format) ? [] : ["url"])].join(
    ",",
  );

const FIELDS: Record<string, keyof ChannelDraft> = {
  display_name: "displayName",
  format: "format",
  url: "url",
  kinds: "kinds",
  agents: "agents",
  delay: "delayMinutes",
  include_content: "includeContent",
};

/** The field of the form that a path of the contract is about. */
export const fieldOf = (path: string): keyof ChannelDraft | null =>
  FIELDS[path.replace(/^channel\./, "").replace(/\[\d+\]$/, "")] ?? null;
