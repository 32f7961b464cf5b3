// Choosing several rows of a list: the box of a row, and how many are chosen.
import { Button } from "./button";
import type { Choice } from "./use-choice";

/** The box before a row. */
export function ChooseBox({ label, chosen, onChoose }: { label: string; chosen: boolean; onChoose: () => void }) {
  return (
    <label className="grid w-10 shrink-0 cursor-pointer place-items-center">
      <span className="sr-only">Choose: {label}</span>
      <input
        type="checkbox"
        checked={chosen}
        onChange={onChoose}
        className="size-4 cursor-pointer accent-accent-fill"
      />
    </label>
  );
}

/** How many are chosen, and the ways to choose all or none. */
export function Choosing({
  choice,
  count,
}: {
  choice: Pick<Choice<{ name: string }, unknown>, "chosen" | "clear" | "all">;
  count: number;
}) {
  const some = choice.chosen.length;
  const all = some === count;
  return (
    <span className="ml-auto flex items-center gap-2 text-muted text-xs tabular-nums">
      <span aria-live="polite">{some > 0 ? `${some} of ${count} chosen` : ""}</span>
      <Button size="sm" look="quiet" onClick={() => (all ? choice.clear() : choice.all())}>
        {all ? "Choose none" : "Choose all"}
      </Button>
    </span>
  );
}
