// Code, JSON and output as they are, in a block that can be reached by keys and copied; long ones open on demand.
import { useId, useState } from "react";
import { plural } from "~/shared/format/count";
import { cn } from "~/shared/ui/cn";
import { CopyButton } from "./copy-button";
import { Json, pretty } from "./json";

/** Lines and characters up to which a text is shown whole. */
const WHOLE = { lines: 30, chars: 2_400 };
/** What is shown of longer ones before "show all". */
const SHOWN = { lines: 16, chars: 1_600 };
/** Longer JSON than this is shown without colours. */
const COLOURED = 40_000;

interface CodeBlockProps {
  text: string;
  /** `json` is laid out and coloured; empty when unknown. */
  language?: string;
  /** Characters of the whole text, where `text` is its beginning. */
  length?: number;
  /** Reads the whole text. */
  whole?: () => Promise<string>;
  /** What it is, for those who listen: `Result`. */
  label?: string;
  tone?: "plain" | "bad";
  className?: string;
}

/** The beginning of `text`, at a line's end where there is one near. */
export function beginning(text: string): string {
  if (text.length <= WHOLE.chars && text.split("\n", WHOLE.lines + 1).length <= WHOLE.lines) return text;
  const lines = text.split("\n", SHOWN.lines + 1);
  const cut = lines.length > SHOWN.lines ? lines.slice(0, SHOWN.lines).join("\n") : text;
  return cut.length > SHOWN.chars ? cut.slice(0, SHOWN.chars) : cut;
}

export function CodeBlock(props: CodeBlockProps) {
  const { text, language = "", length = text.length, whole, label = "Code", tone = "plain", className } = props;
  const [all, setAll] = useState(false);
  const [read, setRead] = useState<string | null>(null);
  const [failed, setFailed] = useState(false);
  const id = useId();
  const body = read ?? text;
  const json = language === "json" ? pretty(body) : null;
  const laidOut = json ?? body;
  const short = beginning(laidOut);
  const long = short.length < laidOut.length || length > body.length;
  const shown = all ? laidOut : short;
  const open = async () => {
    if (length > body.length && whole) {
      try {
        setRead(await whole());
        setFailed(false);
      } catch {
        setFailed(true);
        return;
      }
    }
    setAll(true);
  };
  return (
    <div className={cn("group/code relative min-w-0", className)}>
      <pre
        id={id}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
        tabIndex={0}
        className={cn(
          "max-h-[28rem] overflow-auto whitespace-pre-wrap break-words rounded-control bg-sunken py-2 pr-9 pl-3 text-xs leading-[1.6] ring-1 ring-line",
          tone === "bad" && "bg-bad-soft ring-bad/30",
        )}
      >
        {json !== null && shown.length <= COLOURED ? <Json text={shown} /> : shown}
        {long && !all ? <span className="text-faint"> ...</span> : null}
      </pre>
      <CopyButton
        label={`Copy: ${label}`}
        text={length > body.length && whole ? whole : laidOut}
        className="absolute top-1 right-1 bg-sunken opacity-0 focus-visible:opacity-100 group-hover/code:opacity-100"
      />
      {long ? (
        <button
          type="button"
          aria-expanded={all}
          aria-controls={id}
          onClick={() => (all ? setAll(false) : void open())}
          className="mt-1 rounded-control px-1 text-accent-text text-xs hover:underline"
        >
          {all ? "Show less" : `Show all ${plural(Math.max(length, laidOut.length), "character")}`}
        </button>
      ) : null}
      {failed ? <span className="ml-2 text-bad-text text-xs">It could not be read; try again.</span> : null}
    </div>
  );
}
