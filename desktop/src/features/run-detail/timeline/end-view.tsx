// The end of a run: the answer with its evidence, or what went wrong and what to do now.
import { Link, useNavigate } from "@tanstack/react-router";
import { Check, FastForward, RotateCw, Slash, X } from "lucide-react";
import { useRef } from "react";
import type { Run } from "~/api/gen/schemas";
import { useRunOrders } from "~/features/runs/use-run-orders";
import { useStartTask } from "~/features/tasks/use-tasks";
import { plural } from "~/shared/format/count";
import { agentOf, idOf } from "~/shared/format/name";
import { clock } from "~/shared/format/time";
import { Button } from "~/shared/ui/button";
import { cn } from "~/shared/ui/cn";
import { ProblemNote } from "~/shared/ui/problem-note";
import { useFeed } from "../feed-context";
import type { EndEntry } from "../journal/entries";
import { CopyButton } from "../text/copy-button";
import { Markdown } from "../text/markdown";
import { agentCanMend, failureAdvice, failureTitle, isUsedUp, whoWords } from "../words";

const LOOKS = {
  succeeded: { icon: Check, panel: "border-good/40 bg-good-soft", text: "text-good-text" },
  failed: { icon: X, panel: "border-bad/40 bg-bad-soft", text: "text-bad-text" },
  cancelled: { icon: Slash, panel: "bg-sunken", text: "text-muted" },
} as const;

export function EndView({ entry, run }: { entry: EndEntry; run: Run | undefined }) {
  const { icon: Icon, panel, text } = LOOKS[entry.outcome];
  return (
    <section aria-label="How it ended" className="px-4 pt-4 pb-6">
      <div className={cn("rounded-panel border p-4", panel)}>
        <div className="mb-2 flex items-center gap-2">
          <Icon aria-hidden className={cn("size-4 stroke-2", text)} />
          <h2 className={cn("font-semibold text-base", text)}>{titleOf(entry)}</h2>
          <span className="ml-auto font-mono text-[11px] text-muted tabular-nums">
            {entry.time ? clock(entry.time) : ""}
          </span>
          {entry.summary ? (
            <CopyButton label="Copy the answer" text={entry.summary}>
              Copy
            </CopyButton>
          ) : null}
        </div>
        {entry.outcome === "succeeded" ? <Answer entry={entry} /> : null}
        {entry.outcome === "failed" ? <Failure entry={entry} run={run} /> : null}
        {entry.outcome === "cancelled" ? <Cancelled entry={entry} /> : null}
        {entry.outcome === "succeeded" || entry.retried || !run ? null : <Again run={run} entry={entry} />}
      </div>
    </section>
  );
}

const titleOf = (entry: EndEntry): string =>
  entry.outcome === "succeeded"
    ? "Done"
    : entry.outcome === "cancelled"
      ? "Cancelled"
      : failureTitle(entry.error?.reason ?? "");

function Answer({ entry: { summary, evidence } }: { entry: EndEntry }) {
  return (
    <>
      <div className="max-w-[78ch] text-base leading-[1.6]">
        {summary ? <Markdown text={summary} /> : <p className="text-muted">It ended without saying anything.</p>}
      </div>
      {evidence.length > 0 ? (
        <div className="mt-3 border-good/25 border-t pt-2.5">
          <h3 className="mb-1 text-muted text-xs">What shows it</h3>
          <ul className="space-y-1">
            {evidence.map((each) => (
              <li key={each} className="break-words text-xs">
                <code>{each}</code>
              </li>
            ))}
          </ul>
        </div>
      ) : null}
    </>
  );
}

function Failure({ entry: { error }, run }: { entry: EndEntry; run: Run | undefined }) {
  const advice = failureAdvice(error?.reason ?? "", run?.agentDisplayName ?? "");
  return (
    <div className="max-w-[78ch] space-y-1.5">
      <p className="text-pretty break-words">{error?.message || "Nothing more is known."}</p>
      {advice ? <p className="text-pretty font-medium">{advice}</p> : null}
      <p className="text-muted text-xs">
        What it wrote is kept, and so is this journal
        {run && run.unpricedCalls > 0 ? `; ${plural(run.unpricedCalls, "call")} may cost what nobody knows yet` : ""}.
        {error?.reason ? (
          <>
            {" "}
            Reason <code>{error.reason}</code>.
          </>
        ) : null}
      </p>
    </div>
  );
}

function Cancelled({ entry }: { entry: EndEntry }) {
  const { me } = useFeed();
  return (
    <div className="max-w-[78ch] space-y-1.5">
      <p>
        By {whoWords(entry.by, me)}
        {entry.reason ? `: ${entry.reason}` : "."} What it has done stays done.
      </p>
      {entry.survivors.length > 0 ? (
        <p className="text-need-text">
          Under way then, with an effect that is unknown: {entry.survivors.join(", ")}. Look at the other side.
        </p>
      ) : null}
    </div>
  );
}

function Again({ run, entry }: { run: Run; entry: EndEntry }) {
  const reason = entry.error?.reason ?? "";
  const failed = entry.outcome === "failed";
  const navigate = useNavigate();
  const start = useStartTask();
  const orders = useRunOrders(run.name);
  const requestId = useRef(crypto.randomUUID());
  const go = () =>
    start.mutate(
      { task: run.task, requestId: requestId.current },
      { onSuccess: (next) => void navigate({ to: "/runs/$run", params: { run: idOf(next.name) } }) },
    );
  return (
    <div className="mt-3 space-y-2">
      <div className="flex flex-wrap gap-2">
        {failed && !isUsedUp(reason) ? (
          <Button
            size="sm"
            look="primary"
            busy={orders.isPending || run.pendingCommand === "COMMAND_KIND_RETRY"}
            title="What it has done and paid for stays; the step that failed is tried again."
            onClick={() => orders.mutate({ order: "retry" })}
          >
            <FastForward aria-hidden />
            Go on from here
          </Button>
        ) : null}
        <Button size="sm" busy={start.isPending} onClick={go}>
          <RotateCw aria-hidden />
          {failed ? "Run it from the start" : "Run it again"}
        </Button>
        {agentCanMend(reason) ? (
          <Button size="sm" asChild>
            <Link to="/team/$agent" params={{ agent: idOf(agentOf(run.agentVersion)) }}>
              Change {run.agentDisplayName || "the agent"}
            </Link>
          </Button>
        ) : null}
        <Button size="sm" look="quiet" asChild>
          <Link to="/tasks" search={{ task: idOf(run.task) }}>
            Open the task
          </Link>
        </Button>
      </div>
      {start.error ? <ProblemNote problem={start.error} /> : null}
    </div>
  );
}
