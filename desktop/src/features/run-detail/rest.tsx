// What a run waits for by itself, until when, and what can be done meanwhile. Nobody is needed for it.
import { Hourglass } from "lucide-react";
import type { ReactNode } from "react";
import type { Run } from "~/api/gen/schemas";
import { useRunOrders } from "~/features/runs/use-run-orders";
import { limitWords, restWords } from "~/features/runs/words";
import { Button } from "~/shared/ui/button";
import { useNow, Wake } from "~/shared/ui/time";
import type { Timeline } from "./journal/entries";

export function Rest({ run, timeline }: { run: Run; timeline: Timeline }) {
  if (run.state === "RUN_STATE_WAITING" && run.waitReason === "WAIT_REASON_CHILD")
    return <Others timeline={timeline} />;
  const rest = restWords(run);
  if (run.providerLimit) return <AtLimit run={run} />;
  if (!rest) return null;
  const timer = timeline.entries.findLast((entry) => entry.kind === "call" && entry.state === "resting");
  const reason = timer?.kind === "call" ? (timer.timer?.reason ?? "").replace(/[.\s]+$/, "") : "";
  return (
    <Footing>
      <span className="text-text">
        {rest.verb} <Wake time={run.wakeTime} />
      </span>
      {reason && run.waitReason === "WAIT_REASON_TIMER" ? `, for: ${reason}` : ""}. {rest.note}
    </Footing>
  );
}

/** Teammates that it handed work to; each of them is told of in the timeline. */
function Others({ timeline }: { timeline: Timeline }) {
  const calls = timeline.entries.filter((entry) => entry.kind === "call" && entry.state === "delegated");
  const children = calls.flatMap((entry) => (entry.kind === "call" ? entry.children : []));
  const live = children.filter(({ state }) => state === "working").map(({ teammate }) => teammate);
  return (
    <Footing>
      <span className="text-text">Waits for {live.length > 0 ? [...new Set(live)].join(", ") : "teammates"}</span>. It
      holds no worker and costs nothing itself meanwhile; cancelling it cancels their work too.
    </Footing>
  );
}

const Footing = ({ children }: { children: ReactNode }) => (
  <section
    aria-label="What it waits for"
    className="flex shrink-0 items-start gap-2.5 border-t bg-sunken px-4 py-2 text-muted tabular-nums"
  >
    <Hourglass aria-hidden className="mt-0.5 size-4 shrink-0 stroke-[1.5]" />
    <p className="text-pretty">{children}</p>
  </section>
);

/** The limit of its provider: until when, who else waits, and a way to try now. */
function AtLimit({ run }: { run: Run }) {
  const orders = useRunOrders(run.name);
  const limit = limitWords(run, useNow());
  if (!limit) return null;
  return (
    <section
      aria-label="What it waits for"
      className="flex shrink-0 items-start gap-2.5 border-t bg-sunken px-4 py-2 text-muted tabular-nums"
    >
      <Hourglass aria-hidden className="mt-0.5 size-4 shrink-0 stroke-[1.5]" />
      <p className="min-w-0 flex-1 text-pretty">
        <span className="text-text">
          {limit.lead}
          {limit.until ? (
            <>
              , tried again <Wake time={run.providerLimit?.untilTime} />
            </>
          ) : null}
        </span>
        ; {limit.note}
      </p>
      {limit.hurries ? (
        <Button disabled={orders.isPending} onClick={() => orders.mutate({ order: "resume" })}>
          Try now
        </Button>
      ) : null}
    </section>
  );
}
