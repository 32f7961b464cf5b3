// The ways to decide several items of one kind alike.
import { Check, MessageSquareReply, RotateCw, X } from "lucide-react";
import { useState } from "react";
import type { Decision, InboxItem, InboxItemKind } from "~/api/gen/schemas";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { ReasonForm } from "./reason-form";

interface BatchBarProps {
  kind: InboxItemKind;
  items: readonly InboxItem[];
  busy: boolean;
  decide: (decision: Decision) => void;
}

/** Words that go with a decision. */
interface Wordy {
  label: string;
  hint: string;
  verb: string;
  most: number;
  decision: (text: string) => Decision;
}

const WORDY = {
  reject: {
    label: "Why not?",
    hint: "Each agent reads this and goes on without its call.",
    verb: "Reject",
    most: 2000,
    decision: (reason) => ({ reject: { reason } }),
  },
  respond: {
    label: "What should they read instead?",
    hint: "No call is made. Each agent is told so, and reads this in place of the result.",
    verb: "Answer in their place",
    most: 8000,
    decision: (text) => ({ respond: { text } }),
  },
  done: {
    label: "What came out of them?",
    hint: "Each agent reads this as its call's result.",
    verb: "Mark as done",
    most: 8000,
    decision: (result) => ({ markDone: { result } }),
  },
  failed: {
    label: "What went wrong?",
    hint: "Each agent reads this and decides how to go on.",
    verb: "Count as failed",
    most: 2000,
    decision: (reason) => ({ fail: { reason } }),
  },
  answer: {
    label: "The answer to all of them",
    hint: "Each agent goes on with it.",
    verb: "Answer",
    most: 8000,
    decision: (text) => ({ answer: { text } }),
  },
} as const satisfies Record<string, Wordy>;

export function BatchBar({ kind, items, busy, decide }: BatchBarProps) {
  const [mode, setMode] = useState<keyof typeof WORDY | null>(null);
  if (mode) {
    const { decision, ...words } = WORDY[mode];
    return (
      <ReasonForm
        {...words}
        onCancel={() => setMode(null)}
        onSubmit={(text) => (busy ? undefined : decide(decision(text)))}
      />
    );
  }
  switch (kind) {
    case "INBOX_ITEM_KIND_APPROVAL":
      return <Approvals count={items.length} busy={busy} decide={decide} onMode={setMode} />;
    case "INBOX_ITEM_KIND_OUTCOME":
      return <Outcomes busy={busy} decide={decide} onMode={setMode} />;
    case "INBOX_ITEM_KIND_QUESTION":
      return <Questions items={items} busy={busy} decide={decide} onMode={setMode} />;
    default:
      return <p className="text-muted">This version does not know what they ask.</p>;
  }
}

interface Ways {
  busy: boolean;
  decide: (decision: Decision) => void;
  onMode: (mode: keyof typeof WORDY) => void;
}

function Approvals({ count, busy, decide, onMode }: Ways & { count: number }) {
  const approve = () => decide({ approve: {} });
  useKeys({ a: approve, r: () => onMode("reject"), w: () => onMode("respond") }, !busy);
  return (
    <div className="flex flex-wrap gap-2">
      <Button look="primary" hotkey="a" busy={busy} onClick={approve}>
        <Check aria-hidden />
        {busy ? "Deciding..." : `Approve ${count === 1 ? "it" : `all ${count}`}`}
      </Button>
      <Button look="danger" hotkey="r" onClick={() => onMode("reject")}>
        <X aria-hidden />
        Reject
      </Button>
      <Button look="quiet" hotkey="w" onClick={() => onMode("respond")}>
        <MessageSquareReply aria-hidden />
        Answer in their place
      </Button>
    </div>
  );
}

function Outcomes({ busy, decide, onMode }: Ways) {
  const retry = () => decide({ retry: {} });
  useKeys({ d: () => onMode("done"), t: retry, f: () => onMode("failed") }, !busy);
  return (
    <div className="space-y-3">
      <p className="text-pretty text-muted">Trying again could do each of them twice.</p>
      <div className="flex flex-wrap gap-2">
        <Button look="primary" hotkey="d" onClick={() => onMode("done")}>
          <Check aria-hidden />
          They happened
        </Button>
        <Button hotkey="t" busy={busy} onClick={retry}>
          <RotateCw aria-hidden />
          Try again
        </Button>
        <Button look="danger" hotkey="f" onClick={() => onMode("failed")}>
          <X aria-hidden />
          They failed
        </Button>
      </div>
    </div>
  );
}

function Questions({ items, busy, decide, onMode }: Ways & { items: readonly InboxItem[] }) {
  const free = items.every(({ choices }) => choices.length === 0);
  const common = commonChoices(items);
  const numbered = common
    .slice(0, 9)
    .map((text, index) => [String(index + 1), () => decide({ answer: { text } })] as const);
  useKeys({ ...Object.fromEntries(numbered), ...(free ? { w: () => onMode("answer") } : {}) }, !busy);
  if (free) {
    return (
      <Button look="primary" hotkey="w" busy={busy} onClick={() => onMode("answer")}>
        Answer them alike
      </Button>
    );
  }
  if (common.length === 0) return <p className="text-muted">No answer fits all of them; answer them one by one.</p>;
  return (
    <fieldset>
      <legend className="mb-2 text-muted text-xs">Choose an answer for all of them; it is sent at once.</legend>
      <div className="flex flex-wrap gap-2">
        {common.map((choice, index) => (
          <Button
            key={choice}
            busy={busy}
            onClick={() => decide({ answer: { text: choice } })}
            className="h-auto min-h-8 max-w-full whitespace-normal py-1 text-left"
            {...(index < 9 ? { hotkey: String(index + 1) } : {})}
          >
            {choice}
          </Button>
        ))}
      </div>
    </fieldset>
  );
}

/** Choices that every one of these questions offers; questions in free words take any. */
export function commonChoices(items: readonly Pick<InboxItem, "choices">[]): string[] {
  const offered = items.map(({ choices }) => choices).filter((choices) => choices.length > 0);
  return (offered[0] ?? []).filter((choice) => offered.every((choices) => choices.includes(choice)));
}
