// Small things beneath a headline: remarks on what happened to an entry.
import type { ReactNode } from "react";
import { cn } from "~/shared/ui/cn";

/** A word with a border, for what sets an entry apart. */
export function Chip({ children, tone = "quiet" }: { children: ReactNode; tone?: "quiet" | "need" | "bad" | "good" }) {
  return (
    <span
      className={cn(
        "shrink-0 whitespace-nowrap rounded-full px-1.5 py-px text-[11px] ring-1",
        tone === "quiet" && "text-muted ring-line",
        tone === "need" && "bg-need-soft text-need-text ring-need/40",
        tone === "bad" && "bg-bad-soft text-bad-text ring-bad/40",
        tone === "good" && "bg-good-soft text-good-text ring-good/40",
      )}
    >
      {children}
    </span>
  );
}

/** A line of what happened, with an icon. */
export function Remark({
  icon,
  children,
  tone = "quiet",
}: {
  icon: ReactNode;
  children: ReactNode;
  tone?: "quiet" | "need" | "bad";
}) {
  return (
    <p
      className={cn(
        "mt-1 flex items-start gap-1.5 text-xs [&_svg]:mt-[2px] [&_svg]:size-3.5 [&_svg]:shrink-0 [&_svg]:stroke-[1.5]",
        tone === "quiet" ? "text-muted" : tone === "need" ? "text-need-text" : "text-bad-text",
      )}
    >
      {icon}
      <span className="min-w-0 text-pretty break-words">{children}</span>
    </p>
  );
}

/** A name above a part of an opened entry. */
export function Part({ name, aside, children }: { name: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <div className="mt-2.5">
      <p className="mb-1 flex items-baseline gap-2 text-muted text-xs">
        <span>{name}</span>
        {aside}
      </p>
      {children}
    </div>
  );
}
