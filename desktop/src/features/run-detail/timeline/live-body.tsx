// What the model says and thinks at the moment. The only part of the timeline that renders with every token.
import { useMemo } from "react";
import { useReadable } from "~/app/transport";
import { cn } from "~/shared/ui/cn";
import { useFeed } from "../feed-context";
import type { ModelEntry } from "../journal/entries";
import { blocks } from "../text/blocks";
import { Markdown } from "../text/markdown";

/** The cursor, right behind the last word. */
const AFTER_LAST =
  "[&>div:last-child>*:last-child]:after:ml-1 [&>div:last-child>*:last-child]:after:inline-block [&>div:last-child>*:last-child]:after:h-3.5 [&>div:last-child>*:last-child]:after:w-1.5 [&>div:last-child>*:last-child]:after:animate-breathe [&>div:last-child>*:last-child]:after:rounded-[1px] [&>div:last-child>*:last-child]:after:bg-accent [&>div:last-child>*:last-child]:after:align-text-bottom [&>div:last-child>*:last-child]:after:content-['']";

/** Of its thoughts, what is shown while it thinks, in characters. */
const THOUGHT = 900;

export function LiveBody({ entry }: { entry: ModelEntry }) {
  const live = useReadable(useFeed().feed.live);
  const mine = live.step === entry.step && live.attempt === entry.attempt;
  const text = mine ? live.text : "";
  const thinking = mine ? live.thinking : "";
  const parts = useMemo(() => blocks(text), [text]);
  if (text === "" && thinking === "") {
    return (
      <p className="mt-0.5 text-faint">
        {entry.takeovers > 0 ? "Taken up again; waiting for the model" : "Waiting for the model"}
      </p>
    );
  }
  return (
    <div className="mt-0.5 max-w-[78ch] pb-1 leading-[1.6]">
      {text === "" ? (
        <p className="whitespace-pre-wrap break-words border-l-2 pl-3 text-muted italic">
          {thinking.length > THOUGHT ? "..." : ""}
          {thinking.slice(-THOUGHT)}
          <Cursor />
        </p>
      ) : (
        <div className={cn("[&>div]:my-2 [&>div:first-child]:mt-0", AFTER_LAST)}>
          {parts.map((part, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: blocks are only ever added at the end
            <Markdown key={index} text={part} />
          ))}
        </div>
      )}
    </div>
  );
}

const Cursor = () => (
  <span
    aria-hidden
    className="ml-0.5 inline-block h-3.5 w-1.5 animate-breathe rounded-[1px] bg-accent align-text-bottom"
  />
);
