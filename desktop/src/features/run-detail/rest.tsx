// What a run waits for by itself, until when, and what can be done meanwhile. Nobody is needed for it.
import { Hourglass } from "lucide-react";
import type { Run } from "~/api/gen/schemas";
import { restWords } from "~/features/runs/words";
import { Wake } from "~/shared/ui/time";
import type { Timeline } from "./journal/entries";

export function Rest({ run, timeline }: { run: Run; timeline: Timeline }) {
  const rest = restWords(run);
  if (!rest) return null;
  const timer = timeline.entries.findLast((entry) => entry.kind === "call" && entry.state === "resting");
  const reason = timer?.kind === "call" ? (timer.timer?.reason ?? "").replace(/[.\s]+$/, "") : "";
  return (
    <section
      aria-label="What it waits for"
      className="flex shrink-0 items-start gap-2.5 border-t bg-sunken px-4 py-2 text-muted tabular-nums"
    >
      <Hourglass aria-hidden className="mt-0.5 size-4 shrink-0 stroke-[1.5]" />
      <p className="text-pretty">
        <span className="text-text">
          {rest.verb} <Wake time={run.wakeTime} />
        </span>
        {reason && run.waitReason === "WAIT_REASON_TIMER" ? `, for: ${reason}` : ""}. {rest.note}
      </p>
    </section>
  );
}
