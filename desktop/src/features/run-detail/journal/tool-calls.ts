// Tool calls: asked about, decided, carried out, answered, and what became of them when their worker died.
import type {
  ApprovalRequested,
  ApprovedByRule,
  ItemDecided,
  OutcomeUnknown,
  QuestionAsked,
  TimerSet,
  ToolCallCompleted,
  ToolCallStarted,
} from "~/api/gen/schemas";
import { durationMs } from "~/shared/format/time";
import type { Book, Mark } from "./book";
import { type Ask, type CallEntry, callEntryId } from "./entries";
import { kept } from "./kept";

interface Named {
  readonly step: number;
  readonly callId: string;
}

/** The call as it is known, with `mark` among its records. */
export function known(book: Book, { step, callId }: Named, tool: string, mark: Mark): CallEntry {
  const id = callEntryId(step, callId);
  const before = book.find(id, "call");
  if (before) return { ...before, seqs: [...before.seqs, mark.seq] };
  return {
    kind: "call",
    id,
    seqs: [mark.seq],
    time: mark.time,
    step,
    callId,
    tool,
    question: null,
    argumentsJson: kept("", mark.seq),
    proposedJson: null,
    effect: null,
    attempt: 1,
    state: "running",
    asks: [],
    rule: null,
    timer: null,
    children: [],
    anyIsEnough: false,
    result: null,
    artifact: "",
    durationMs: null,
    takeovers: 0,
  };
}

const ask = (kind: Ask["kind"], item: string, mark: Mark, doubt: Partial<Ask> = {}): Ask => ({
  kind,
  item,
  time: mark.time,
  attempt: 1,
  cause: "",
  detail: "",
  ...doubt,
  decision: null,
});

export function approvalRequested(book: Book, asked: ApprovalRequested, mark: Mark): void {
  const call = known(book, asked, asked.tool, mark);
  book.put({
    ...call,
    state: "asked",
    argumentsJson: kept(asked.argumentsJson, mark.seq),
    asks: [...call.asks, ask("approval", asked.inboxItem, mark)],
  });
}

/** A standing rule allows the call, so nobody is asked. */
export function approvedByRule(book: Book, allowed: ApprovedByRule, mark: Mark): void {
  const call = known(book, allowed, allowed.tool, mark);
  book.put({
    ...call,
    state: "decided",
    argumentsJson: kept(allowed.argumentsJson, mark.seq),
    rule: { name: allowed.approvalRule, creator: allowed.creator },
  });
}

export function timerSet(book: Book, { wakeTime, reason, ...named }: TimerSet, mark: Mark): void {
  const call = known(book, named, "wait", mark);
  book.put({ ...call, state: "resting", timer: { wakeTime, reason } });
}

export function questionAsked(book: Book, asked: QuestionAsked, mark: Mark): void {
  const call = known(book, asked, "ask_human", mark);
  book.put({
    ...call,
    state: "asked",
    question: { text: asked.question, choices: asked.choices },
    asks: [...call.asks, ask("question", asked.inboxItem, mark)],
  });
}

export function outcomeUnknown(book: Book, asked: OutcomeUnknown, mark: Mark): void {
  const call = known(book, asked, asked.tool, mark);
  book.put({
    ...call,
    state: "asked",
    asks: [
      ...call.asks,
      ask("outcome", asked.inboxItem, mark, { attempt: asked.attempt, cause: asked.cause, detail: asked.detail }),
    ],
  });
}

export function decided(book: Book, what: ItemDecided, mark: Mark): void {
  const call = known(book, what, "", mark);
  const decision = { by: what.decider, time: what.decideTime ?? mark.time, what: what.decision };
  const no = what.decision?.reject !== undefined || what.decision?.fail !== undefined;
  book.put({
    ...call,
    state: no ? "rejected" : "decided",
    asks: call.asks.map((each) => (each.item === what.inboxItem ? { ...each, decision } : each)),
  });
}

export function toolCallStarted(book: Book, started: ToolCallStarted, mark: Mark): void {
  const call = known(book, started, started.tool, mark);
  const changed = call.asks.length > 0 && call.argumentsJson.text !== "" && call.attempt === started.attempt;
  const differs = changed && call.argumentsJson.text !== kept(started.argumentsJson, mark.seq).text;
  book.put({
    ...call,
    state: "running",
    argumentsJson: kept(started.argumentsJson, mark.seq),
    proposedJson: differs ? call.argumentsJson : call.proposedJson,
    effect: started.effectClass,
    attempt: started.attempt,
  });
}

export function toolCallCompleted(book: Book, done: ToolCallCompleted, mark: Mark): void {
  const call = known(book, done, done.tool, mark);
  const what = call.asks.at(-1)?.decision?.what;
  book.put({
    ...call,
    endTime: mark.time,
    state: what?.reject ? "rejected" : what?.respond ? "answered" : done.isError ? "failed" : "done",
    result: kept(done.content, mark.seq),
    artifact: done.artifact,
    durationMs: done.duration ? durationMs(done.duration) : null,
  });
}
