// JSON with its names, texts and numbers told apart.
import type { ReactNode } from "react";

/** `text` laid out; null when it is no JSON object or list. */
export function pretty(text: string): string | null {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

export function Json({ text }: { text: string }) {
  const parts: ReactNode[] = [];
  let last = 0;
  for (const match of text.matchAll(TOKENS)) {
    const [whole, string, colon] = match;
    parts.push(text.slice(last, match.index));
    const look =
      colon === undefined ? (string === undefined ? "text-need-text" : "text-good-text") : "text-accent-text";
    parts.push(
      <span key={match.index} className={look}>
        {string ?? whole}
      </span>,
      colon,
    );
    last = match.index + whole.length;
  }
  parts.push(text.slice(last));
  return <>{parts}</>;
}
