// Several items at once: what they are, one decision for all of them, and then what became of each.
import { Check, X } from "lucide-react";
import type { ReactNode } from "react";
import type { Decision, InboxItem, InboxItemKind } from "~/api/gen/schemas";
import { useMe } from "~/app/workspace/workspace";
import { plural } from "~/shared/format/count";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { cn } from "~/shared/ui/cn";
import { ProblemNote } from "~/shared/ui/problem-note";
import { useNow } from "~/shared/ui/time";
import { BatchBar } from "./batch-bar";
import { type Fate, MOST, useBatch } from "./use-batch";
import { askWords, decisionWords, firstWords, riskWords } from "./words";

const KINDS: Partial<Record<InboxItemKind, [one: string, many: string]>> = {
  INBOX_ITEM_KIND_APPROVAL: ["approval", "approvals"],
  INBOX_ITEM_KIND_QUESTION: ["question", "questions"],
  INBOX_ITEM_KIND_OUTCOME: ["unknown outcome", "unknown outcomes"],
};
const kindWords = (kind: InboxItemKind, count: number): string => {
  const [one, many] = KINDS[kind] ?? ["item of an unknown kind", "items of an unknown kind"];
  return plural(count, one, many);
};

interface BatchProps {
  /** Open items that are chosen; never none. */
  items: readonly InboxItem[];
  /** Keeps only these. */
  onKeep: (items: readonly InboxItem[]) => void;
  /** Told what became of them. */
  onFates: (fates: readonly Fate[]) => void;
}

/** The items that are chosen, and the ways to decide them together. */
export function Batch({ items, onKeep, onFates }: BatchProps) {
  const batch = useBatch();
  const kinds = [...new Set(items.map(({ kind }) => kind))];
  const one = kinds.length === 1 ? kinds[0] : undefined;
  const decide = (decision: Decision) => {
    if (!batch.isPending) batch.mutate({ items, decision }, { onSuccess: onFates });
  };
  return (
    <section aria-label="Decide together" className="flex min-h-full flex-col">
      <div className="flex-1 space-y-4 p-5">
        <div className="flex items-center gap-3">
          <h2 className="font-semibold text-lg">
            {one ? `${kindWords(one, items.length)}, decided alike` : `${plural(items.length, "item")} chosen`}
          </h2>
          <Button size="sm" look="quiet" hotkey="esc" className="ml-auto" onClick={() => onKeep([])}>
            Choose none
          </Button>
        </div>
        <ul className="divide-y rounded-panel border">
          {items.map((item) => (
            <Chosen
              key={item.name}
              item={item}
              onDrop={() => onKeep(items.filter((each) => each.name !== item.name))}
            />
          ))}
        </ul>
        <Risks items={items} />
      </div>
      <div className="sticky bottom-0 space-y-3 border-t bg-raised px-5 py-4">
        {batch.error ? <ProblemNote problem={batch.error} /> : null}
        {items.length > MOST ? (
          <p className="text-muted">
            At most {MOST} are decided at once.{" "}
            <Button size="sm" onClick={() => onKeep(items.slice(0, MOST))}>
              Keep the first {MOST}
            </Button>
          </p>
        ) : one ? (
          <BatchBar kind={one} items={items} busy={batch.isPending} decide={decide} />
        ) : (
          <>
            <p className="text-muted">They ask different things. Decide those of one kind together:</p>
            <div className="flex flex-wrap gap-2">
              {kinds.map((kind) => {
                const those = items.filter((item) => item.kind === kind);
                return (
                  <Button key={kind} onClick={() => onKeep(those)}>
                    Only the {kindWords(kind, those.length)}
                  </Button>
                );
              })}
            </div>
          </>
        )}
      </div>
    </section>
  );
}

function Chosen({ item, onDrop }: { item: InboxItem; onDrop: () => void }) {
  const { lead, subject } = askWords(item);
  return (
    <li className="flex items-center gap-2 py-1.5 pr-1.5 pl-3">
      <span className="min-w-0 flex-1">
        <span className="line-clamp-2 break-words">
          {lead} <span className="font-medium">{subject}</span>
        </span>
        <span className="block truncate text-muted text-xs">{item.taskTitle}</span>
      </span>
      <Button size="icon" look="quiet" aria-label={`Leave out: ${lead} ${subject}`} onClick={onDrop}>
        <X aria-hidden />
      </Button>
    </li>
  );
}

/** What all of them together would touch. */
function Risks({ items }: { items: readonly InboxItem[] }) {
  const calls = items.filter(({ kind }) => kind !== "INBOX_ITEM_KIND_QUESTION");
  if (calls.length === 0) return null;
  const hosts = [...new Set(calls.flatMap((item) => item.hosts))].sort();
  const risks = new Map<string, number>();
  for (const item of calls) risks.set(riskWords(item), (risks.get(riskWords(item)) ?? 0) + 1);
  return (
    <ul className="space-y-1 text-muted text-xs">
      {[...risks].map(([words, count]) => (
        <li key={words}>
          {plural(count, "call")}: {words.charAt(0).toLowerCase() + words.slice(1)}
        </li>
      ))}
      {hosts.length > 0 ? (
        <li>
          Reaching <span className="break-all font-mono">{hosts.join(", ")}</span>
        </li>
      ) : null}
    </ul>
  );
}

/** What became of each, until it has been read. */
export function Fates({ fates, onRead }: { fates: readonly Fate[]; onRead: () => void }) {
  const taken = fates.filter(({ result }) => !result.refusal).length;
  const all = taken === fates.length;
  useKeys({ enter: onRead });
  return (
    <section aria-label="What became of them" className="space-y-4 p-5">
      <div role="status">
        <h2 className="font-semibold text-lg">
          {all
            ? `${taken === 1 ? "It was" : `All ${taken} were`} decided`
            : `${taken} of ${fates.length} ${taken === 1 ? "was" : "were"} decided`}
        </h2>
      </div>
      <ul className="divide-y rounded-panel border">
        {[...fates]
          .sort((a, b) => Number(b.result.refusal !== undefined) - Number(a.result.refusal !== undefined))
          .map((fate) => (
            <FateRow key={fate.item.name} fate={fate} />
          ))}
      </ul>
      {all ? null : (
        <p className="text-muted">
          What was refused changes nothing for the others; what is still open is in the list.
        </p>
      )}
      <Button look="primary" hotkey="enter" onClick={onRead}>
        Go on
      </Button>
    </section>
  );
}

function FateRow({ fate: { item, result } }: { fate: Fate }) {
  const { lead, subject } = askWords(item);
  const { user } = useMe();
  const now = useNow();
  const { refusal } = result;
  const words: ReactNode = refusal
    ? refusalWords(refusal, user.name, now)
    : `${decisionWords(result.inboxItem?.decision)}.`;
  const Icon = refusal ? X : Check;
  return (
    <li className="flex gap-2.5 px-3 py-2">
      <Icon aria-hidden className={cn("mt-0.5 size-4 shrink-0", refusal ? "text-bad" : "text-good")} />
      <span className="min-w-0">
        <span className="line-clamp-1 break-words">
          {lead} <span className="font-medium">{subject}</span>
        </span>
        <span className={cn("block text-pretty break-words text-xs", refusal ? "text-bad-text" : "text-muted")}>
          {words}
        </span>
      </span>
    </li>
  );
}

type Refusal = NonNullable<Fate["result"]["refusal"]>;

function refusalWords({ reason, message, metadata, violations }: Refusal, me: string, now: number): string {
  if (reason === "ALREADY_DECIDED") return firstWords(metadata, me, now);
  if (reason === "ITEM_VOID") return "The run ended first; there is nothing left to decide.";
  const fields = violations.map(({ field, description }) => `${field} ${description}`).join("; ");
  return [message, fields].filter(Boolean).join(": ");
}
