// What became of each of several tasks, until it has been read; what was refused comes first, with the reason.
import { Check, X } from "lucide-react";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { cn } from "~/shared/ui/cn";
import type { Fate } from "./use-batch";
import { whyNot } from "./words";

export function Fates({ fates, onRead }: { fates: readonly Fate[]; onRead: () => void }) {
  const refused = fates.filter(({ refusal }) => refusal !== undefined);
  const taken = fates.filter(({ refusal }) => refusal === undefined);
  const verb = fates[0]?.done ?? "changed";
  useKeys({ enter: onRead });
  return (
    <section aria-label="What became of them" className="space-y-4 p-5">
      <div role="status">
        <h2 className="font-semibold text-lg">
          {refused.length === 0
            ? `${taken.length === 1 ? "It was" : `All ${taken.length} were`} ${verb}`
            : `${taken.length} of ${fates.length} ${taken.length === 1 ? "was" : "were"} ${verb}`}
        </h2>
      </div>
      <ul className="divide-y rounded-panel border">
        {[...refused, ...taken].map((fate) => (
          <FateRow key={fate.name} fate={fate} />
        ))}
      </ul>
      {refused.length > 0 ? (
        <p className="text-muted">What was refused is as it was; it changes nothing for the others.</p>
      ) : null}
      <Button look="primary" hotkey="enter" onClick={onRead}>
        Go on
      </Button>
    </section>
  );
}

function FateRow({ fate: { task, done, refusal } }: { fate: Fate }) {
  const Icon = refusal ? X : Check;
  return (
    <li className="flex gap-2.5 px-3 py-2">
      <Icon aria-hidden className={cn("mt-0.5 size-4 shrink-0", refusal ? "text-bad" : "text-good")} />
      <span className="min-w-0">
        <span className="line-clamp-1 break-words font-medium">{task.title}</span>
        <span className={cn("block text-pretty break-words text-xs", refusal ? "text-bad-text" : "text-muted")}>
          {refusal ? whyNot(refusal) : done === "started" ? "Started." : "Changed."}
        </span>
      </span>
    </li>
  );
}
