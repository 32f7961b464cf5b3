// Tells those who listen how the run stands, when that changes; never a token.
import { useEffect, useState } from "react";
import type { CallEntry, Timeline } from "./journal/entries";
import { callTitle, failureTitle } from "./words";

/** What is worth interrupting for; the same words mean that nothing new is to be said. */
export function standingWords({ entries, waiting, end, paused, lost }: Timeline): string {
  if (end) {
    return end.outcome === "succeeded"
      ? `Done. ${end.summary.slice(0, 300)}`
      : end.outcome === "cancelled"
        ? "Cancelled."
        : `${failureTitle(end.error?.reason ?? "")}.`;
  }
  const call = entries.find((entry): entry is CallEntry => entry.id === waiting[0] && entry.kind === "call");
  if (call) {
    const kind = call.asks.at(-1)?.kind;
    if (kind === "question") return `You are asked: ${call.question?.text ?? ""}`;
    return kind === "outcome" ? `Outcome unknown: ${callTitle(call)}` : `Needs your approval: ${callTitle(call)}`;
  }
  if (paused) return "Paused.";
  return lost > 0 ? `A worker was lost and the run taken over, ${lost} in all.` : "";
}

export function Announcer({ timeline, caughtUp }: { timeline: Timeline; caughtUp: boolean }) {
  const words = caughtUp ? standingWords(timeline) : "";
  const [said, setSaid] = useState("");
  useEffect(() => setSaid(words), [words]);
  return (
    <p role="status" aria-live="polite" className="sr-only">
      {said}
    </p>
  );
}
