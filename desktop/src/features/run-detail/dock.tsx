// What waits for a person, pinned beneath the timeline with the ways to answer it.
import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight } from "lucide-react";
import type { InboxItem } from "~/api/gen/schemas";
import { inboxItemQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { usePolling } from "~/app/workspace/live";
import { useMay } from "~/app/workspace/workspace";
import { Arguments } from "~/features/inbox/arguments";
import { Doubt } from "~/features/inbox/doubt";
import { Bar, Due } from "~/features/inbox/item-peek";
import { useAnswering } from "~/features/inbox/use-answering";
import { askWords, decisionWords, riskWords } from "~/features/inbox/words";
import { Button } from "~/shared/ui/button";
import { ProblemNote } from "~/shared/ui/problem-note";
import { Status } from "~/shared/ui/status";
import { Since } from "~/shared/ui/time";
import { type CallEntry, openAsk } from "./journal/entries";

interface DockProps {
  /** Calls that wait for a person, oldest first; at least one. */
  waiting: readonly CallEntry[];
  /** The one that is looked at. */
  current: CallEntry;
  onLook: (id: string) => void;
}

export function Dock({ waiting, current, onLook }: DockProps) {
  const ask = openAsk(current);
  const item = useQuery({
    ...inboxItemQuery(useTransport(), ask?.item ?? ""),
    enabled: ask !== null,
    refetchInterval: usePolling(),
  });
  const at = waiting.indexOf(current);
  const step = (by: number) => () => {
    const next = waiting[at + by];
    if (next) onLook(next.id);
  };
  if (!ask) return null;
  return (
    <section
      aria-label="What is asked"
      className="max-h-[70%] shrink-0 animate-rise overflow-auto border-need/50 border-t-2 bg-raised px-4 py-3 shadow-overlay"
    >
      {item.data ? (
        <Asked
          key={item.data.name}
          item={item.data}
          pager={
            waiting.length > 1 ? (
              <span className="flex items-center gap-1 text-muted text-xs tabular-nums">
                <Button look="quiet" size="icon" aria-label="The one before" disabled={at === 0} onClick={step(-1)}>
                  <ChevronLeft aria-hidden />
                </Button>
                {at + 1} of {waiting.length}
                <Button
                  look="quiet"
                  size="icon"
                  aria-label="The next one"
                  disabled={at === waiting.length - 1}
                  onClick={step(1)}
                >
                  <ChevronRight aria-hidden />
                </Button>
              </span>
            ) : null
          }
        />
      ) : item.error ? (
        <ProblemNote problem={item.error}>
          <Button size="sm" onClick={() => void item.refetch()}>
            Try again
          </Button>
        </ProblemNote>
      ) : (
        <div role="status" aria-label="Loading" className="h-16" />
      )}
    </section>
  );
}

function Asked({ item, pager }: { item: InboxItem; pager: React.ReactNode }) {
  const mayDecide = useMay("ROLE_OPERATOR");
  const answering = useAnswering(item);
  const { lead, subject } = askWords(item);
  const question = item.kind === "INBOX_ITEM_KIND_QUESTION";
  const open = item.state === "INBOX_ITEM_STATE_OPEN";
  if (!open) {
    return (
      <p className="flex items-center gap-2 text-muted">
        <Status look="succeeded" word="" silent />
        {decisionWords(item.decision)}. A worker is about to take it up.
      </p>
    );
  }
  return (
    <div className="space-y-3">
      <div className="flex items-start gap-3">
        <span className="mt-1">
          <Status look="needsYou" word={question ? "waits for your answer" : "waits for your decision"} silent />
        </span>
        <div className="min-w-0 flex-1">
          <h2 className="text-pretty break-words font-semibold text-base">
            {lead} {question ? subject : <code className="break-all font-medium text-[0.92em]">{subject}</code>}
          </h2>
          <p className="text-muted text-xs">
            Asked <Since time={item.createTime} />
            {question ? "" : ` · ${riskWords(item)}`}
            {item.hosts.length > 0 ? (
              <>
                {" "}
                Reaches <span className="break-all font-mono">{item.hosts.join(", ")}</span>.
              </>
            ) : null}
          </p>
          <Due item={item} />
        </div>
        {pager}
      </div>
      {item.kind === "INBOX_ITEM_KIND_OUTCOME" ? <Doubt item={item} /> : null}
      {item.argumentsJson && !question ? <ArgumentsFold json={item.argumentsJson} /> : null}
      {mayDecide ? <Bar {...answering} /> : <p className="text-muted">You may look; deciding takes an operator.</p>}
    </div>
  );
}

/** They are in the timeline too; here for when that is elsewhere. */
function ArgumentsFold({ json }: { json: string }) {
  return (
    <details className="group/args">
      <summary className="flex w-fit cursor-pointer list-none items-center gap-1 rounded-control text-muted text-xs hover:text-text">
        <ChevronRight
          aria-hidden
          className="size-3.5 stroke-[1.5] transition-transform duration-[120ms] group-open/args:rotate-90"
        />
        Arguments
      </summary>
      <div className="mt-2">
        <Arguments json={json} />
      </div>
    </details>
  );
}
