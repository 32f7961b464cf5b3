// Back to what happens now, with how much has come since.
import { ArrowDown } from "lucide-react";
import { Kbd } from "~/shared/ui/kbd";

export function JumpPill({ fresh, over, onJump }: { fresh: number; over: boolean; onJump: () => void }) {
  return (
    <button
      type="button"
      aria-keyshortcuts="End"
      onClick={onJump}
      className="absolute bottom-3 left-1/2 flex h-8 -translate-x-1/2 animate-rise items-center gap-2 rounded-full border bg-overlay px-3 text-xs shadow-overlay hover:bg-hover"
    >
      <ArrowDown aria-hidden className="size-3.5 stroke-[1.5]" />
      {over ? "Jump to the end" : "Jump to latest"}
      {fresh > 0 ? (
        <span className="rounded-full bg-accent-fill px-1.5 text-[11px] text-on-accent tabular-nums">{fresh} new</span>
      ) : null}
      <Kbd keys="end" />
    </button>
  );
}
