// The conversation was made shorter: by how much, what the model reads now, and the way to what was there before.
import { FoldVertical } from "lucide-react";
import { plural, short } from "~/shared/format/count";
import { usd } from "~/shared/format/money";
import { useFeed } from "../feed-context";
import type { ContextEntry } from "../journal/entries";
import { CodeBlock } from "../text/code-block";
import { Markdown } from "../text/markdown";
import { useWhole } from "../use-record";
import { Frame } from "./frame";

/** `Context compacted: 182k → 41k tokens`. */
export const contextTitle = ({ tokensBefore, tokensAfter }: ContextEntry): string =>
  `Context compacted: ${short(tokensBefore)} → ${short(tokensAfter)} tokens`;

/** The records in whose place something else stands, oldest first. */
export function originals({ firstSeq, lastSeq, shortened }: ContextEntry): number[] {
  const summedUp = firstSeq > 0 ? Array.from({ length: lastSeq - firstSeq + 1 }, (_, place) => firstSeq + place) : [];
  return [...new Set([...summedUp, ...shortened])].sort((a, b) => a - b);
}

interface ContextViewProps {
  entry: ContextEntry;
  open: boolean;
  onToggle: () => void;
}

export function ContextView({ entry, open, onToggle }: ContextViewProps) {
  const { firstSeq, lastSeq, shortened, costNanoUsd, windowTokens } = entry;
  const { showRecords } = useFeed();
  return (
    <Frame
      time={entry.time}
      glyph={<FoldVertical />}
      tone="quiet"
      inner
      toggle={{ open, onToggle }}
      headline={<span className="truncate text-muted">{contextTitle(entry)}</span>}
      measures={costNanoUsd === undefined ? {} : { cost: usd(costNanoUsd) }}
    >
      {open ? (
        <>
          <Summary entry={entry} />
          <p className="mt-1 text-faint text-xs">
            {firstSeq > 0
              ? `Stands for records ${firstSeq} to ${lastSeq}; what people said is kept word for word. `
              : ""}
            {shortened.length > 0 ? `${plural(shortened.length, "answer")} of tools shortened. ` : ""}
            The model reads {short(windowTokens)} tokens. Nothing is lost: the journal has everything.{" "}
            <button
              type="button"
              className="rounded-control text-accent-text underline-offset-2 hover:underline"
              onClick={() => showRecords(originals(entry))}
            >
              Show original
            </button>
          </p>
        </>
      ) : null}
    </Frame>
  );
}

function Summary({ entry: { text } }: { entry: ContextEntry }) {
  const whole = useWhole();
  if (!text) return null;
  return (
    <div className="mt-0.5 max-w-[78ch] border-l-2 pl-3 leading-[1.6]">
      {text.length > text.text.length ? (
        <CodeBlock
          text={text.text}
          length={text.length}
          label="Summary"
          whole={() => whole(text, (event) => event.contextCompacted?.text)}
        />
      ) : (
        <Markdown text={text.text} />
      )}
    </div>
  );
}
