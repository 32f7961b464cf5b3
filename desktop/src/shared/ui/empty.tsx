// An empty place that teaches the one next step.
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

interface EmptyProps {
  icon: LucideIcon;
  title: string;
  children: ReactNode;
  /** The next step, with its key. */
  action?: ReactNode;
}

export function Empty({ icon: Icon, title, children, action }: EmptyProps) {
  return (
    <div className="flex h-full min-h-64 flex-col items-center justify-center gap-3 px-6 py-10 text-center">
      <Icon aria-hidden className="size-7 stroke-[1.25] text-faint" />
      <h2 className="font-semibold text-lg">{title}</h2>
      <p className="max-w-[52ch] text-pretty text-muted">{children}</p>
      {action ? <div className="mt-1 flex flex-wrap justify-center gap-2">{action}</div> : null}
    </div>
  );
}
