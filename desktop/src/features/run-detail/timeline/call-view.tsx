// A tool call: what it does, who allowed it, how it stands, and what came of it.
import {
  AlarmClock,
  Ban,
  Check,
  CircleHelp,
  CircleSlash,
  FileText,
  Flag,
  Globe,
  MessageCircleQuestion,
  MessageSquareReply,
  OctagonX,
  Users,
  Wrench,
} from "lucide-react";
import type { ReactNode } from "react";
import { duration } from "~/shared/format/time";
import { cn } from "~/shared/ui/cn";
import type { CallEntry } from "../journal/entries";
import { openAsk } from "../journal/entries";
import { callTitle, firstLine } from "../words";
import { Asks } from "./asks";
import { CallDetail } from "./call-detail";
import { ChildrenView } from "./children-view";
import { Elapsed } from "./elapsed";
import { Frame, type Tone } from "./frame";
import { Chip } from "./note";

const TOOLS: Record<string, ReactNode> = {
  http_fetch: <Globe />,
  http_request: <Globe />,
  write_artifact: <FileText />,
  read_artifact: <FileText />,
  finish: <Flag />,
  ask_human: <MessageCircleQuestion />,
  wait: <AlarmClock />,
  delegate: <Users />,
};

interface Standing {
  readonly word: string;
  readonly tone: Tone;
  readonly glyph: ReactNode | null;
  readonly look: string;
}

/** How a call stands, in a word that is there beside colour and shape. */
export function standing(entry: CallEntry): Standing {
  const ask = openAsk(entry);
  if (ask) {
    const word = { approval: "needs approval", question: "asks you", outcome: "outcome unknown" }[ask.kind];
    return { word, tone: "need", glyph: ask.kind === "outcome" ? <CircleHelp /> : null, look: "text-need-text" };
  }
  switch (entry.state) {
    case "running":
      return { word: "at work", tone: "accent", glyph: null, look: "text-accent-text" };
    case "decided":
      return { word: "decided", tone: "quiet", glyph: null, look: "text-muted" };
    case "resting":
      return { word: "waits for a time", tone: "quiet", glyph: null, look: "text-muted" };
    case "delegated":
      return { word: withWords(entry), tone: "quiet", glyph: null, look: "text-muted" };
    case "answered":
      return { word: "not made, answered", tone: "quiet", glyph: <MessageSquareReply />, look: "text-muted" };
    case "rejected":
      return { word: "rejected", tone: "quiet", glyph: <Ban />, look: "text-muted" };
    case "failed":
      return { word: "failed", tone: "bad", glyph: <OctagonX />, look: "text-bad-text" };
    case "unfinished":
      return { word: "effect unknown", tone: "need", glyph: <CircleHelp />, look: "text-need-text" };
    case "void":
      return { word: "void: the run ended first", tone: "quiet", glyph: <CircleSlash />, look: "text-muted" };
    default:
      return { word: "", tone: "quiet", glyph: null, look: "" };
  }
}

/** `1 of 3 back`, and whether one is enough. */
function withWords({ children, anyIsEnough }: CallEntry): string {
  const back = children.filter(({ state }) => state !== "working" && state !== "stopping").length;
  return `${back} of ${children.length} back${anyIsEnough && children.length > 1 ? ", one success is enough" : ""}`;
}

/** Opened by itself while a person has to look at it. */
export const callOpens = (entry: CallEntry): boolean => entry.state === "asked";

export function CallView({ entry, open, onToggle }: { entry: CallEntry; open: boolean; onToggle: () => void }) {
  const { word, tone, glyph, look } = standing(entry);
  const { result, question } = entry;
  const title = question ? question.text : callTitle(entry);
  const named = title.startsWith(entry.tool) || question !== null;
  const preview = !open && result ? firstLine(result.text) : "";
  return (
    <Frame
      time={entry.time}
      glyph={glyph ?? TOOLS[entry.tool] ?? <Wrench />}
      tone={tone}
      inner
      toggle={{ open, onToggle }}
      headline={
        <>
          {question ? (
            <span className="min-w-0 truncate">
              <span className="text-muted">Asks </span>
              {title}
            </span>
          ) : (
            <code className="min-w-0 truncate font-medium text-xs">{title}</code>
          )}
          {named ? null : <span className="hidden shrink-0 text-faint text-xs lg:inline">{entry.tool}</span>}
          {word ? <span className={cn("shrink-0 text-xs", look)}>{word}</span> : null}
          {entry.state === "done" ? (
            <Check role="img" aria-label="done" className="size-3.5 shrink-0 self-center text-good" />
          ) : null}
          {entry.attempt > 1 ? <Chip>attempt {entry.attempt}</Chip> : null}
          {entry.proposedJson ? <Chip tone="need">arguments changed</Chip> : null}
        </>
      }
      measures={{
        took:
          entry.state === "running" ? (
            <Elapsed since={entry.time} />
          ) : entry.durationMs !== null && entry.durationMs > 0 ? (
            duration(entry.durationMs)
          ) : null,
      }}
    >
      {entry.timer?.reason ? <p className="break-words text-muted text-xs">{entry.timer.reason}</p> : null}
      {entry.children.length > 0 ? <ChildrenView items={entry.children} /> : null}
      {preview && entry.children.length === 0 ? (
        <p className={cn("truncate text-xs", entry.state === "failed" ? "text-bad-text" : "text-muted")}>{preview}</p>
      ) : null}
      <Asks entry={entry} />
      {open ? <CallDetail entry={entry} /> : null}
    </Frame>
  );
}
