// Texts as a timeline holds them: the beginning, so that memory stays bounded; the rest is read when somebody asks for it.

/** Characters that are held of one text. */
export const KEPT_CHARS = 8_000;

/** A text, or its beginning. */
export interface Kept {
  readonly text: string;
  /** Characters of the whole text. */
  readonly length: number;
  /** Record that has the whole of it. */
  readonly seq: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Holds `text`, which the record `seq` has. */
export function kept(text: string, seq: number): Kept {
  if (text.length <= KEPT_CHARS) return { text, length: text.length, seq };
  // Encoded and decoded, because a slice of a string keeps the whole of it alive.
  const beginning = decoder.decode(encoder.encode(text.slice(0, KEPT_CHARS).replace(/[\uD800-\uDBFF]$/, "")));
  return { text: beginning, length: text.length, seq };
}

export const isWhole = ({ text, length }: Kept): boolean => text.length === length;
