// Runs that work was handed to, each with the way there, how it stands, and what it said.
import { Link } from "@tanstack/react-router";
import { plural } from "~/shared/format/count";
import { usd } from "~/shared/format/money";
import { idOf } from "~/shared/format/name";
import { cn } from "~/shared/ui/cn";
import type { Child } from "../journal/entries";
import { firstLine } from "../words";

const WORDS: Record<Child["state"], { word: string; look: string }> = {
  working: { word: "at work", look: "text-accent-text" },
  stopping: { word: "told to stop", look: "text-muted" },
  succeeded: { word: "done", look: "text-good-text" },
  failed: { word: "failed", look: "text-bad-text" },
  cancelled: { word: "cancelled", look: "text-muted" },
};

export function ChildrenView({ items }: { items: readonly Child[] }) {
  return (
    <ul aria-label="Work handed to teammates" className="mt-1 space-y-1 border-l pl-2.5 text-xs">
      {items.map(({ run, teammate, title, state, said, costNanoUsd, files }) => {
        const { word, look } = WORDS[state];
        const line = said ? firstLine(said.text) : "";
        return (
          <li key={run} className="min-w-0">
            <p className="flex min-w-0 items-baseline gap-2">
              <span className="shrink-0 font-medium">{teammate}</span>
              <Link
                to="/runs/$run"
                params={{ run: idOf(run) }}
                title={title}
                className="min-w-0 truncate rounded-control underline decoration-line underline-offset-3 hover:decoration-current"
              >
                {title}
              </Link>
              <span className={cn("shrink-0", look)}>{word}</span>
              {said && costNanoUsd !== "0" ? (
                <span className="shrink-0 text-faint tabular-nums">{usd(costNanoUsd)}</span>
              ) : null}
              {files > 0 ? <span className="shrink-0 text-faint">{plural(files, "file")}</span> : null}
            </p>
            {line ? (
              <p className={cn("truncate", state === "failed" ? "text-bad-text" : "text-muted")}>{line}</p>
            ) : null}
          </li>
        );
      })}
    </ul>
  );
}
