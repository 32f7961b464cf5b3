// Entries beside model and tool calls: the start, workers, orders with their receipts, notes, and what is not known.
import { Link } from "@tanstack/react-router";
import {
  Ban,
  CircleDashed,
  CircleHelp,
  MessageSquare,
  Pause,
  Play,
  RotateCw,
  StickyNote,
  UserRoundCog,
  Users,
} from "lucide-react";
import type { ReactNode } from "react";
import type { CommandKind } from "~/api/gen/schemas";
import { plural } from "~/shared/format/count";
import { idOf } from "~/shared/format/name";
import { absolute, atWords, clock, duration } from "~/shared/format/time";
import { cn } from "~/shared/ui/cn";
import { useFeed } from "../feed-context";
import type { NoteEntry, OrderEntry, QueuedEntry, UnknownEntry, WorkerEntry } from "../journal/entries";
import { orderWords, whoWords } from "../words";
import { Frame } from "./frame";
import { Remark } from "./note";

export function QueuedView({ entry }: { entry: QueuedEntry }) {
  const { me } = useFeed();
  return (
    <Frame
      time={entry.time}
      glyph={<CircleDashed />}
      tone="quiet"
      inner
      headline={
        <span className="truncate text-muted">
          Queued for <span className="text-text">{entry.agent || "an agent"}</span>{" "}
          {entry.parent ? <ParentRun name={entry.parent} /> : <>by {whoWords(entry.by, me)}</>}
          {entry.startTime ? (
            <>
              , to start <time title={absolute(entry.startTime)}>{atWords(entry.startTime, entry.time)}</time>
            </>
          ) : null}
        </span>
      }
    />
  );
}

const ParentRun = ({ name }: { name: string }) => (
  <>
    by{" "}
    <Link
      to="/runs/$run"
      params={{ run: idOf(name) }}
      className="rounded-control underline decoration-line underline-offset-3 hover:text-text"
    >
      the run that handed this work over
    </Link>
  </>
);

const ARRIVALS: Record<WorkerEntry["how"], { word: string; plain: boolean; glyph: ReactNode }> = {
  first: { word: "A worker took it", plain: true, glyph: <UserRoundCog /> },
  retry: { word: "A worker took it up again", plain: true, glyph: <UserRoundCog /> },
  handed: { word: "Taken over by another worker", plain: true, glyph: <Users /> },
  lost: { word: "Worker lost, taken over", plain: false, glyph: <Users /> },
};

export function WorkerView({ entry }: { entry: WorkerEntry }) {
  const { how, silenceMs, underWay, epoch } = entry;
  const { word, plain, glyph } = ARRIVALS[how];
  const gap = silenceMs !== null && (silenceMs >= 1_000 || how === "lost") ? ` after ${duration(silenceMs)}` : "";
  return (
    <Frame
      time={entry.time}
      glyph={glyph}
      tone={plain ? "quiet" : "need"}
      inner
      headline={
        <span className={cn("truncate", plain ? "text-muted" : "font-medium")}>
          {word}
          {gap}
        </span>
      }
    >
      {how === "lost" ? (
        <p className="text-muted text-xs">
          {plural(underWay, "call")} {underWay === 1 ? "was" : "were"} under way. Nothing is lost: worker {epoch} goes
          on from the journal.
        </p>
      ) : null}
      {how === "handed" ? (
        <p className="text-faint text-xs">The one before died or let it go; nothing was under way.</p>
      ) : null}
    </Frame>
  );
}

const ORDER_GLYPHS: Partial<Record<CommandKind, ReactNode>> = {
  COMMAND_KIND_PAUSE: <Pause />,
  COMMAND_KIND_RESUME: <Play />,
  COMMAND_KIND_CANCEL: <Ban />,
  COMMAND_KIND_STEER: <MessageSquare />,
  COMMAND_KIND_RETRY: <RotateCw />,
};

/** What of an order is shown; orders that no worker has read yet come from the gateway's list. */
export type Receipt = Pick<
  OrderEntry,
  "order" | "by" | "reason" | "text" | "interrupt" | "requestTime" | "deliverTime" | "effectTime"
> & {
  readonly state: OrderEntry["state"] | "requested";
};

export function OrderView({ order, time }: { order: Receipt; time: string | undefined }) {
  const { me } = useFeed();
  const words = orderWords(order.order);
  const who = whoWords(order.by, me);
  const state =
    order.state === "effective"
      ? words.done
      : order.state === "superseded"
        ? "Overtaken by something else"
        : words.doing;
  return (
    <Frame
      time={time}
      glyph={ORDER_GLYPHS[order.order] ?? <CircleHelp />}
      tone={order.state === "effective" || order.state === "superseded" ? "quiet" : "accent"}
      inner
      headline={
        <>
          <span className="font-medium">{state}</span>
          <span className="truncate text-muted">
            {who.charAt(0).toUpperCase() + who.slice(1)}{" "}
            {order.text ? (order.interrupt ? "broke in" : "said") : `ordered it to ${words.order}`}
            {order.reason ? `: ${order.reason}` : ""}
          </span>
        </>
      }
    >
      {order.text ? (
        <p className="my-1 max-w-[78ch] whitespace-pre-wrap break-words border-accent/50 border-l-2 pl-3">
          {order.text}
        </p>
      ) : null}
      <Steps order={order} done={words.done} />
    </Frame>
  );
}

/** requested -> delivered -> effective, with the time of each; what has not come yet is said. */
function Steps({ order, done }: { order: Receipt; done: string }) {
  const last = order.state === "superseded" ? "overtaken" : done.toLowerCase();
  const steps = [
    { word: "requested", time: order.requestTime, reached: true },
    { word: "delivered", time: order.deliverTime, reached: order.state !== "requested" },
    { word: last, time: order.effectTime, reached: order.state === "effective" || order.state === "superseded" },
  ];
  return (
    <ol aria-label="Receipt" className="flex flex-wrap items-center gap-x-2 text-xs">
      {steps.map(({ word, time, reached }, index) => (
        <li key={word} className={cn("flex items-center gap-2", reached ? "text-muted" : "text-faint italic")}>
          {index > 0 ? <span aria-hidden>→</span> : null}
          <span>
            {reached ? word : `not ${word} yet`}
            {reached && time ? <span className="ml-1 font-mono text-[11px] tabular-nums">{clock(time)}</span> : null}
          </span>
        </li>
      ))}
    </ol>
  );
}

const NOTES: Record<string, string> = {
  EMPTY_ANSWER: "The answer was empty",
  TRUNCATED_ANSWER: "The answer was cut",
  NO_TOOL_CALL: "The answer called no tool",
  REPEATED_CALL: "The same call came again and again",
};

export function NoteView({ entry, open, onToggle }: { entry: NoteEntry; open: boolean; onToggle: () => void }) {
  return (
    <Frame
      time={entry.time}
      glyph={<StickyNote />}
      tone="quiet"
      inner
      toggle={{ open, onToggle }}
      headline={
        <span className="truncate text-muted">
          {NOTES[entry.reason] ?? "The engine had something to say"}; the agent was told
        </span>
      }
    >
      {open ? (
        <p className="max-w-[78ch] whitespace-pre-wrap break-words border-l-2 pl-3 text-muted">{entry.text}</p>
      ) : null}
    </Frame>
  );
}

export function UnknownView({ entry }: { entry: UnknownEntry }) {
  return (
    <Frame
      time={entry.time}
      glyph={<CircleHelp />}
      tone="quiet"
      inner
      headline={
        <span className="truncate text-muted">
          {entry.name ? (
            <>
              A record that this version does not know: <code className="text-xs">{entry.name}</code>
            </>
          ) : (
            "A record that this version cannot read"
          )}
        </span>
      }
    >
      <Remark icon={<CircleHelp aria-hidden />}>
        Nothing is lost; reload to get the gateway's version of this page.
      </Remark>
    </Frame>
  );
}
