// What went wrong with a call whose outcome nobody knows: why, with which attempt, and when.
import { CircleHelp } from "lucide-react";
import type { InboxItem } from "~/api/gen/schemas";
import { absolute, clock } from "~/shared/format/time";
import { doubtWords } from "./words";

export function Doubt({ item }: { item: Pick<InboxItem, "doubt" | "attempt"> }) {
  const { doubt } = item;
  const attempt = doubt?.attempt || item.attempt;
  return (
    <div className="flex gap-2.5 rounded-panel border border-need/40 bg-need-soft px-3 py-2.5">
      <CircleHelp aria-hidden className="mt-px size-4 shrink-0 stroke-[1.5] text-need-text" />
      <div className="min-w-0 space-y-1">
        <p className="text-pretty">{doubtWords(doubt?.cause ?? "")}</p>
        {doubt?.detail ? <p className="break-words font-mono text-muted text-xs">{doubt.detail}</p> : null}
        {attempt > 1 || doubt?.beginTime ? (
          <p className="text-muted text-xs tabular-nums">
            Attempt {Math.max(1, attempt)}
            {doubt?.beginTime ? (
              <>
                , begun <When time={doubt.beginTime} />
              </>
            ) : null}
            {doubt?.noticeTime ? (
              <>
                , noticed <When time={doubt.noticeTime} />
              </>
            ) : null}
          </p>
        ) : null}
      </div>
    </div>
  );
}

const When = ({ time }: { time: string }) => (
  <time dateTime={time} title={absolute(time)}>
    {clock(time)}
  </time>
);
