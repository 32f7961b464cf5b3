// A model call: what it says while it says it, what it thought, what it used and cost, and how it failed.
import { Brain, Check, CircleSlash, Receipt, RotateCw, Scissors, Sparkles, Users, X } from "lucide-react";
import type { ReactNode } from "react";
import type { FinishReason } from "~/api/gen/schemas";
import { plural, short } from "~/shared/format/count";
import { usd } from "~/shared/format/money";
import { absolute, clock, duration } from "~/shared/format/time";
import { cn } from "~/shared/ui/cn";
import type { ModelEntry } from "../journal/entries";
import { CodeBlock } from "../text/code-block";
import { Markdown } from "../text/markdown";
import { useWhole } from "../use-record";
import { modelCost } from "../words";
import { Elapsed } from "./elapsed";
import { Frame, type Tone } from "./frame";
import { LiveBody } from "./live-body";
import { Chip, Part, Remark } from "./note";

/** Characters of an answer beyond which it is folded. */
export const FOLDED = 900;

const STATES: Record<ModelEntry["state"], { glyph: ReactNode; tone: Tone }> = {
  running: { glyph: <span className="size-2 animate-breathe rounded-full bg-accent" />, tone: "accent" },
  answered: { glyph: <Sparkles />, tone: "accent" },
  failed: { glyph: <X />, tone: "bad" },
  stopped: { glyph: <CircleSlash />, tone: "quiet" },
};

const FINISHES: Partial<Record<FinishReason, string>> = {
  FINISH_REASON_LENGTH: "cut at its token limit",
  FINISH_REASON_CONTENT_FILTER: "withheld by the provider",
};

const modelName = (model: string): string => model.slice(model.indexOf("/") + 1);

/** True when there is more to see than what is shown folded. */
export const modelFolds = (entry: ModelEntry): boolean =>
  entry.state !== "running" && (entry.thinking !== null || (entry.text?.length ?? 0) > FOLDED || entry.usage !== null);

export function ModelView({ entry, open, onToggle }: { entry: ModelEntry; open: boolean; onToggle: () => void }) {
  const { glyph, tone } = STATES[entry.state];
  const cost = modelCost(entry);
  return (
    <Frame
      time={entry.time}
      glyph={glyph}
      tone={tone}
      begins
      toggle={modelFolds(entry) ? { open, onToggle } : undefined}
      headline={
        <>
          <span className="shrink-0 font-medium">Step {entry.step}</span>
          <span className="truncate text-muted">
            {modelName(entry.model)}
            {entry.sumsUp ? " sums up the conversation" : ""}
          </span>
          <StateWord entry={entry} />
        </>
      }
      measures={{
        tokens: <Tokens entry={entry} />,
        cost: (
          <span title={entry.estimated ? "Estimated: the provider did not say what was used" : undefined}>{cost}</span>
        ),
        took:
          entry.state === "running" ? (
            <Elapsed since={entry.time} />
          ) : entry.durationMs === null ? null : (
            duration(entry.durationMs)
          ),
      }}
    >
      {entry.state === "running" ? <LiveBody entry={entry} /> : <Answer entry={entry} open={open} />}
      <Charges entry={entry} />
    </Frame>
  );
}

function StateWord({ entry }: { entry: ModelEntry }) {
  const finish = entry.finish ? FINISHES[entry.finish] : undefined;
  return (
    <>
      {entry.thinking ? (
        <Brain
          role="img"
          aria-label="thought aloud"
          className="size-3.5 shrink-0 self-center stroke-[1.5] text-faint"
        />
      ) : null}
      {entry.attempt > 1 ? <Chip>attempt {entry.attempt}</Chip> : null}
      {entry.chargedBefore > 0 ? (
        <Chip tone="need">{entry.chargedBefore === 1 ? "second charge" : `charge ${entry.chargedBefore + 1}`}</Chip>
      ) : null}
      {entry.state === "running" ? <span className="shrink-0 text-accent-text">at work</span> : null}
      {entry.state === "failed" ? <span className="shrink-0 text-bad-text">failed</span> : null}
      {entry.state === "stopped" ? <span className="shrink-0 text-muted">stopped</span> : null}
      {finish ? <span className="shrink-0 text-need-text">{finish}</span> : null}
    </>
  );
}

function Tokens({ entry: { usage, tokens, estimated } }: { entry: ModelEntry }) {
  if (!usage) return tokens === null ? null : `${estimated ? "~" : ""}${short(tokens)} tokens`;
  const input = Number(usage.inputTokens) + Number(usage.cacheReadTokens) + Number(usage.cacheWriteTokens);
  const mark = usage.estimated ? "~" : "";
  return <>{`${mark}${short(input)} in ${mark}${short(Number(usage.outputTokens))} out`}</>;
}

function Answer({ entry, open }: { entry: ModelEntry; open: boolean }) {
  const whole = useWhole();
  const { text, thinking, calls } = entry;
  const folded = !open && text !== null && text.length > FOLDED;
  return (
    <>
      {open && thinking ? (
        <Part name="Thought aloud">
          <p className="max-w-[78ch] whitespace-pre-wrap break-words border-l-2 pl-3 text-muted italic leading-[1.6]">
            {thinking.text}
          </p>
          {thinking.length > thinking.text.length ? (
            <p className="mt-1 text-faint text-xs">The beginning of {plural(thinking.length, "character")}.</p>
          ) : null}
        </Part>
      ) : null}
      {text ? (
        <div
          className={cn(
            "mt-0.5 max-w-[78ch] leading-[1.6]",
            folded && "max-h-[9.5rem] overflow-hidden [mask-image:linear-gradient(black_70%,transparent)]",
          )}
        >
          {text.length > text.text.length && open ? (
            <CodeBlock
              text={text.text}
              length={text.length}
              label="Answer"
              whole={() =>
                whole(text, (event) =>
                  event.modelCallCompleted?.message?.parts
                    .map((part) => part.text ?? "")
                    .filter(Boolean)
                    .join("\n\n"),
                )
              }
            />
          ) : (
            <Markdown text={text.text} />
          )}
        </div>
      ) : entry.state === "answered" && calls.length > 0 ? (
        <p className="text-muted">
          Calls{" "}
          {[...new Set(calls)].map((tool, index) => (
            <span key={tool}>
              {index > 0 ? ", " : ""}
              <code className="text-xs">{tool}</code>
            </span>
          ))}
        </p>
      ) : entry.state === "answered" ? (
        <p className="text-muted">Said nothing.</p>
      ) : null}
      {open && entry.usage ? <Used entry={entry} /> : null}
    </>
  );
}

function Used({ entry: { usage, messageCount, model } }: { entry: ModelEntry }) {
  if (!usage) return null;
  const count = (text: string) => Number(text).toLocaleString("en");
  const parts = [
    model,
    `${plural(messageCount, "turn")} sent`,
    `${count(usage.inputTokens)} read`,
    usage.cacheReadTokens === "0" ? "" : `${count(usage.cacheReadTokens)} from the cache`,
    usage.cacheWriteTokens === "0" ? "" : `${count(usage.cacheWriteTokens)} into the cache`,
    `${count(usage.outputTokens)} written`,
    usage.reasoningTokens === "0" ? "" : `${count(usage.reasoningTokens)} of them thinking`,
    usage.estimated ? "our estimate" : "",
  ];
  return <p className="mt-2 font-mono text-[11px] text-faint">{parts.filter(Boolean).join(" · ")}</p>;
}

/** What went wrong, what it costs all the same, and who carries on. */
function Charges({ entry }: { entry: ModelEntry }) {
  const { error, maybeBilled, costNanoUsd, estimated, retryTime, chargedBefore, takeovers } = entry;
  return (
    <>
      {error ? (
        <Remark icon={<X aria-hidden />} tone="bad">
          {error.message || error.reason}
        </Remark>
      ) : null}
      {maybeBilled || (entry.state !== "answered" && costNanoUsd !== undefined) ? (
        <Remark icon={<Scissors aria-hidden />} tone="need">
          The answer was cut after it had begun, so it is paid for:{" "}
          {costNanoUsd === undefined
            ? "how much is unknown."
            : `${usd(costNanoUsd, { estimated })}${estimated ? ", our estimate" : ""}.`}
        </Remark>
      ) : null}
      {retryTime ? (
        <Remark icon={<RotateCw aria-hidden />}>
          Tried again <time title={absolute(retryTime)}>at {clock(retryTime)}</time>.
        </Remark>
      ) : null}
      {chargedBefore > 0 && entry.state !== "failed" ? (
        <Remark icon={<Receipt aria-hidden />} tone="need">
          The attempt before was charged too; this is paid for besides.
        </Remark>
      ) : null}
      {takeovers > 0 && entry.state === "answered" ? (
        <Remark icon={<Users aria-hidden />}>
          Outlived {plural(takeovers, "worker")}: taken up again under the same key{" "}
          <Check aria-hidden className="inline" />
        </Remark>
      ) : null}
    </>
  );
}
