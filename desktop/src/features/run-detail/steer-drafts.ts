// What is being said to a run: kept until it is sent, also when its screen is left.
import { create } from "zustand";
import { plural } from "~/shared/format/count";

/** A message, and the key under which it is sent: the same words sent twice are one message. */
export interface Draft {
  readonly text: string;
  readonly requestId: string;
}

interface Drafts {
  drafts: Readonly<Record<string, Draft>>;
  keep(run: string, text: string): void;
}

export const useSteerDrafts = create<Drafts>()((set) => ({
  drafts: {},
  // Other words are another message.
  keep: (run, text) =>
    set(({ drafts }) => {
      const { [run]: _before, ...others } = drafts;
      return { drafts: text === "" ? others : { ...others, [run]: { text, requestId: crypto.randomUUID() } } };
    }),
}));

/** Longest message in bytes of UTF-8; the contract's bound. */
export const MAX_BYTES = 16_384;

/** Why this cannot be sent; null if it can be. */
export function refusal(text: string): string | null {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= MAX_BYTES) return null;
  return `${plural(bytes - MAX_BYTES, "byte")} too long: at most 16 KiB.`;
}
