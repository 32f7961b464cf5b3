// A run's timeline as the fold of its journal: every record is taken once and in order, or not at all.
import type { RunEvent } from "~/api/gen/schemas";
import { Book, type Mark } from "./book";
import { childEnded, childrenCancelled, childrenStarted } from "./children";
import { contextCompacted } from "./context";
import type { EndEntry, Timeline } from "./entries";
import { type FeedEvent, kindOf, readEvent } from "./event";
import { modelCallCompleted, modelCallFailed, modelCallStarted } from "./model-calls";
import { commandDelivered, effective, overtaken, retried } from "./orders";
import {
  approvalRequested,
  approvedByRule,
  decided,
  outcomeUnknown,
  questionAsked,
  timerSet,
  toolCallCompleted,
  toolCallStarted,
} from "./tool-calls";

/** A timeline without a record. */
export const NO_TIMELINE: Timeline = new Book().snapshot(0);

/** What became of a record: taken, known before, or too early because others are missing before it. */
export type Taken = "taken" | "known" | "gap";

export class Journal {
  readonly #book = new Book();
  #head = 0;

  /** `seq` of the last record that was taken. */
  get head(): number {
    return this.#head;
  }

  /** Takes a record as it came. */
  take(raw: unknown): Taken {
    const event = readEvent(raw, this.#head + 1);
    const seq = Number(event.seq);
    if (seq <= this.#head) return "known";
    if (seq > this.#head + 1) return "gap";
    this.#head = seq;
    record(this.#book, event, { seq, time: event.createTime });
    this.#book.lastTime = event.createTime ?? this.#book.lastTime;
    return "taken";
  }

  /** As it stands. Costs a copy of the list, not of what is in it. */
  timeline(): Timeline {
    return this.#book.snapshot(this.#head);
  }
}

function record(book: Book, event: FeedEvent, mark: Mark): void {
  const base = { id: `seq:${mark.seq}`, seqs: [mark.seq], time: mark.time };
  if ("unreadable" in event) return book.put({ ...base, kind: "unknown", name: "" });
  if (event.modelCallStarted) return modelCallStarted(book, event.modelCallStarted, mark);
  if (event.modelCallCompleted) return modelCallCompleted(book, event.modelCallCompleted, mark);
  if (event.modelCallFailed) return modelCallFailed(book, event.modelCallFailed, mark);
  if (event.toolCallStarted) return toolCallStarted(book, event.toolCallStarted, mark);
  if (event.toolCallCompleted) return toolCallCompleted(book, event.toolCallCompleted, mark);
  if (event.approvalRequested) return approvalRequested(book, event.approvalRequested, mark);
  if (event.approvedByRule) return approvedByRule(book, event.approvedByRule, mark);
  if (event.timerSet) return timerSet(book, event.timerSet, mark);
  if (event.childrenStarted) return childrenStarted(book, event.childrenStarted, mark);
  if (event.childEnded && childEnded(book, event.childEnded, mark)) return;
  if (event.childrenCancelled && childrenCancelled(book, event.childrenCancelled, mark)) return;
  if (event.questionAsked) return questionAsked(book, event.questionAsked, mark);
  if (event.outcomeUnknown) return outcomeUnknown(book, event.outcomeUnknown, mark);
  if (event.decided) return decided(book, event.decided, mark);
  if (event.commandDelivered) return commandDelivered(book, event.commandDelivered, mark);
  if (event.paused) {
    book.paused = true;
    return effective(book, event.paused.command, mark);
  }
  if (event.resumed) {
    book.paused = false;
    return effective(book, event.resumed.command, mark);
  }
  if (event.steered) return effective(book, event.steered.command, mark);
  if (event.retried) return retried(book, event.retried, mark);
  if (event.engineNote) return book.put({ ...base, kind: "note", ...event.engineNote });
  if (event.contextCompacted) return contextCompacted(book, event.contextCompacted, mark);
  if (event.queued) {
    const { agentDisplayName: agent, starter: by, scheduledStartTime: startTime, parentRun: parent } = event.queued;
    return book.put({ ...base, kind: "queued", agent, by, startTime, parent });
  }
  if (event.started) {
    const worker = { kind: "worker", how: "first", epoch: 1, silenceMs: silence(book, mark), underWay: 0 } as const;
    return book.put({ ...base, ...worker });
  }
  if (event.takenOver) return takenOver(book, Number(event.takenOver.leaseEpoch), mark);
  const end = endOf(event);
  if (end) return ended(book, { ...base, ...end }, event.cancelled?.command, mark);
  book.put({ ...base, kind: "unknown", name: kindOf(event) });
}

const silence = (book: Book, mark: Mark): number | null =>
  book.lastTime && mark.time ? Math.max(0, Date.parse(mark.time) - Date.parse(book.lastTime)) : null;

function takenOver(book: Book, epoch: number, mark: Mark): void {
  const underWay = book.eachUnderWay((entry) => ({ ...entry, takeovers: entry.takeovers + 1 }));
  const how = underWay > 0 ? "lost" : book.retrying ? "retry" : "handed";
  if (how === "lost") book.lost += 1;
  const base = { id: `seq:${mark.seq}`, seqs: [mark.seq], time: mark.time };
  book.put({ ...base, kind: "worker", how, epoch, silenceMs: silence(book, mark), underWay });
}

type End = Omit<EndEntry, "id" | "seqs" | "time">;
const END = {
  kind: "end",
  summary: "",
  evidence: [],
  error: null,
  by: "",
  reason: "",
  retried: false,
  survivors: [],
} as const;

function endOf({ succeeded, failed, cancelled }: RunEvent): End | null {
  if (succeeded) return { ...END, outcome: "succeeded", summary: succeeded.summary, evidence: succeeded.evidence };
  if (failed) return { ...END, outcome: "failed", error: failed.error ?? null };
  if (!cancelled) return null;
  const { requester: by, reason, survivors } = cancelled;
  return { ...END, outcome: "cancelled", by, reason, survivors };
}

/** Nothing of a run that is over is under way any more. */
function ended(book: Book, end: EndEntry, command: string | undefined, mark: Mark): void {
  if (command !== undefined) effective(book, command, mark);
  overtaken(book, mark);
  book.eachUnderWay((entry) =>
    entry.kind === "model"
      ? { ...entry, state: "stopped", endTime: mark.time }
      : { ...entry, state: "unfinished", endTime: mark.time },
  );
  book.eachUnsettled((call) => ({ ...call, state: "void", endTime: mark.time }));
  book.paused = false;
  book.put(end);
}
