// One inbox item with what is needed to decide it: the action, its arguments, what it touches, what led to it, and the ways
// to answer.
import { Link } from "@tanstack/react-router";
import { TimerOff } from "lucide-react";
import type { Decision, InboxItem } from "~/api/gen/schemas";
import { useMay, useMe } from "~/app/workspace/workspace";
import { usd } from "~/shared/format/money";
import { idOf, versionLabel } from "~/shared/format/name";
import { absolute } from "~/shared/format/time";
import { cn } from "~/shared/ui/cn";
import { Fact, Facts } from "~/shared/ui/screen";
import { Status } from "~/shared/ui/status";
import { Since, useNow } from "~/shared/ui/time";
import { ApprovalBar } from "./approval-bar";
import { Arguments } from "./arguments";
import { Doubt } from "./doubt";
import { OutcomeBar } from "./outcome-bar";
import { QuestionForm } from "./question-form";
import { Turns } from "./turns";
import { useAnswering } from "./use-answering";
import { standingWords } from "./use-decide";
import { askWords, overdueWords, riskWords } from "./words";

/** What the ways to answer are given. */
export interface Answering {
  item: InboxItem;
  busy: boolean;
  decide: (decision: Decision) => void;
}

export function ItemPeek({ item, onDecided }: { item: InboxItem; onDecided: () => void }) {
  const mayDecide = useMay("ROLE_OPERATOR");
  const answering = useAnswering(item, onDecided);
  const open = item.state === "INBOX_ITEM_STATE_OPEN";
  const { lead, subject } = askWords(item);
  const question = item.kind === "INBOX_ITEM_KIND_QUESTION";

  return (
    <section aria-label="What is asked" className="flex min-h-full flex-col">
      <div className="flex-1 space-y-5 p-5">
        <div className="space-y-2">
          {open ? (
            <Status look="needsYou" word={question ? "waits for your answer" : "waits for your decision"} />
          ) : (
            <Standing item={item} />
          )}
          <h2 className="text-pretty break-words font-semibold text-lg">
            {lead}{" "}
            {question ? (
              subject
            ) : (
              <code className="break-all rounded-control bg-sunken px-1.5 py-0.5 font-medium text-[0.92em]">
                {subject}
              </code>
            )}
          </h2>
          <p className="text-pretty text-muted">
            For{" "}
            <Link
              to="/runs/$run"
              params={{ run: idOf(item.run) }}
              className="text-text underline decoration-line underline-offset-3 hover:decoration-current"
            >
              {item.taskTitle || "a task without a title"}
            </Link>
            , which has cost <span className="tabular-nums">{usd(item.runCostNanoUsd)}</span> so far. Asked{" "}
            <Since time={item.createTime} />.
          </p>
          {open ? <Due item={item} /> : null}
        </div>
        {item.kind === "INBOX_ITEM_KIND_OUTCOME" ? <Doubt item={item} /> : null}
        {item.argumentsJson && !question ? <Arguments json={item.argumentsJson} /> : null}
        <Facts>
          {question ? null : (
            <>
              <Fact name="Risk">{riskWords(item)}</Fact>
              {item.hosts.length > 0 ? (
                <Fact name="Reaches">
                  <span className="break-all font-mono text-xs">{item.hosts.join(", ")}</span>
                </Fact>
              ) : null}
              <Fact name="Tool">
                <span className="font-mono text-xs">{item.tool}</span>
              </Fact>
            </>
          )}
          <Fact name="Agent">
            {item.agentDisplayName} <span className="text-muted">{versionLabel(item.agentVersion)}</span>
          </Fact>
          {item.approvalRule ? (
            <Fact name="Rule">
              <Link
                to="/inbox/rules"
                search={{ rule: idOf(item.approvalRule) }}
                className="underline decoration-line underline-offset-3 hover:decoration-current"
              >
                Made by this decision
              </Link>
            </Fact>
          ) : null}
        </Facts>
        <Turns item={item} />
      </div>
      {open ? (
        <div className="sticky bottom-0 border-t bg-raised px-5 py-4">
          {mayDecide ? <Bar {...answering} /> : <p className="text-muted">You may look; deciding takes an operator.</p>}
        </div>
      ) : null}
    </section>
  );
}

/** Until when an approval is wanted, or that it is overdue. Time alone decides nothing, and this says so. */
export function Due({ item }: { item: Pick<InboxItem, "overdue" | "escalationCount" | "dueTime"> }) {
  const words = overdueWords(item, useNow());
  if (words === "") return null;
  return (
    <p
      className={cn(
        "flex items-center gap-1.5 text-xs tabular-nums [&_svg]:size-3.5 [&_svg]:stroke-[1.5]",
        item.overdue ? "text-bad-text" : "text-muted",
      )}
      title={item.dueTime ? absolute(item.dueTime) : undefined}
    >
      {item.overdue ? <TimerOff aria-hidden /> : null}
      <span>
        {words} <span className="text-muted">Nothing is approved or rejected by time.</span>
      </span>
    </p>
  );
}

/** The ways to answer what an item asks. */
export function Bar(answering: Answering) {
  switch (answering.item.kind) {
    case "INBOX_ITEM_KIND_APPROVAL":
      return <ApprovalBar {...answering} />;
    case "INBOX_ITEM_KIND_QUESTION":
      return <QuestionForm {...answering} />;
    case "INBOX_ITEM_KIND_OUTCOME":
      return <OutcomeBar {...answering} />;
    default:
      return (
        <p className="text-muted">
          This version does not know this kind of question. Reload to get the gateway's version.
        </p>
      );
  }
}

function Standing({ item }: { item: InboxItem }) {
  const { user } = useMe();
  const no = item.decision?.reject !== undefined || item.decision?.fail !== undefined;
  const voided = item.state === "INBOX_ITEM_STATE_VOID";
  return (
    <p className="flex items-start gap-2 text-muted">
      <Status look={voided ? "cancelled" : no ? "failed" : "succeeded"} word="" silent />
      <span className="min-w-0 break-words">{standingWords(item, user.name, useNow())}</span>
    </p>
  );
}
