// Says what went wrong, what is safe and what to do.

import { TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { asProblem } from "~/api/problem";
import { Button } from "./button";
import { cn } from "./cn";

interface ProblemNoteProps {
  problem: unknown;
  /** The way out: a button or two. */
  children?: ReactNode;
  className?: string;
}

/** A problem in the flow of a page; read out when it appears. */
export function ProblemNote({ problem, children, className }: ProblemNoteProps) {
  const { detail, instance } = asProblem(problem);
  return (
    <div
      role="alert"
      className={cn(
        "flex animate-appear gap-2.5 rounded-panel border border-bad/35 bg-bad-soft px-3 py-2.5",
        className,
      )}
    >
      <TriangleAlert aria-hidden className="mt-px size-4 shrink-0 stroke-[1.5] text-bad-text" />
      <div className="min-w-0 flex-1 space-y-2">
        <p className="text-pretty break-words">{detail}</p>
        {instance ? <p className="font-mono text-[11px] text-muted">request {instance}</p> : null}
        {children ? <div className="flex flex-wrap gap-2">{children}</div> : null}
      </div>
    </div>
  );
}

/** In place of a list that could not be read. */
export function UnreadNote({ problem, onRetry }: { problem: unknown; onRetry: () => void }) {
  return (
    <ProblemNote problem={problem} className="m-4">
      <Button size="sm" onClick={onRetry}>
        Try again
      </Button>
    </ProblemNote>
  );
}
