// Model calls: begun, answered, failed, tried again, and taken up by another worker.
import type { Message, ModelCallCompleted, ModelCallFailed, ModelCallStarted } from "~/api/gen/schemas";
import { durationMs } from "~/shared/format/time";
import type { Book, Mark } from "./book";
import { type ModelEntry, modelId } from "./entries";
import { kept } from "./kept";

const blank = (book: Book, step: number, attempt: number, mark: Mark): ModelEntry => {
  const before = book.find(modelId(step, attempt - 1), "model");
  const charged = before !== undefined && (before.maybeBilled || before.costNanoUsd !== undefined);
  return {
    kind: "model",
    id: modelId(step, attempt),
    seqs: [],
    time: mark.time,
    step,
    attempt,
    model: before?.model ?? "",
    messageCount: 0,
    sumsUp: before?.sumsUp ?? false,
    state: "running",
    text: null,
    thinking: null,
    calls: [],
    finish: null,
    usage: null,
    tokens: null,
    costNanoUsd: undefined,
    estimated: false,
    maybeBilled: false,
    durationMs: null,
    error: null,
    retryTime: undefined,
    chargedBefore: (before?.chargedBefore ?? 0) + (charged ? 1 : 0),
    takeovers: 0,
  };
};

const joined = (message: Message | undefined, of: (part: Message["parts"][number]) => string | undefined): string =>
  (message?.parts ?? [])
    .map((part) => of(part) ?? "")
    .filter(Boolean)
    .join("\n\n");

export function modelCallStarted(book: Book, started: ModelCallStarted, mark: Mark): void {
  const { step, attempt, model, messageCount } = started;
  book.retrying = false;
  const sumsUp = started.compactsThroughSeq !== undefined;
  book.put({ ...blank(book, step, attempt, mark), seqs: [mark.seq], model, messageCount, sumsUp });
}

export function modelCallCompleted(book: Book, done: ModelCallCompleted, mark: Mark): void {
  const { step, attempt, message, usage } = done;
  const before = book.find(modelId(step, attempt), "model") ?? blank(book, step, attempt, mark);
  const text = joined(message, (part) => part.text);
  const thinking = joined(message, (part) => part.thinking?.text);
  book.put({
    ...before,
    seqs: [...before.seqs, mark.seq],
    endTime: mark.time,
    state: "answered",
    text: text ? kept(text, mark.seq) : null,
    thinking: thinking ? kept(thinking, mark.seq) : null,
    calls: (message?.parts ?? []).flatMap((part) => (part.toolCall ? [part.toolCall.tool] : [])),
    finish: done.finishReason,
    usage: usage ?? null,
    tokens: usage
      ? [usage.inputTokens, usage.cacheReadTokens, usage.cacheWriteTokens, usage.outputTokens]
          .map(Number)
          .reduce((sum, each) => sum + each, 0)
      : null,
    costNanoUsd: done.costNanoUsd,
    estimated: usage?.estimated ?? false,
    durationMs: done.duration ? durationMs(done.duration) : null,
  });
}

/** Reasons of calls that did not fail: a person had them stopped. */
const STOPPED = new Set(["RUN_CANCELLED", "RUN_PAUSED", "RUN_STEERED"]);

export function modelCallFailed(book: Book, failed: ModelCallFailed, mark: Mark): void {
  book.retrying = failed.retryTime !== undefined;
  const stopped = STOPPED.has(failed.error?.reason ?? "");
  const { step, attempt } = failed;
  const before = book.find(modelId(step, attempt), "model") ?? blank(book, step, attempt, mark);
  book.put({
    ...before,
    seqs: [...before.seqs, mark.seq],
    endTime: mark.time,
    state: stopped ? "stopped" : "failed",
    error: stopped ? null : (failed.error ?? null),
    retryTime: failed.retryTime,
    maybeBilled: failed.maybeBilled,
    costNanoUsd: failed.costNanoUsd,
    estimated: failed.costEstimated,
    tokens: failed.totalTokens === "0" ? null : Number(failed.totalTokens),
    durationMs: before.time && mark.time ? Math.max(0, Date.parse(mark.time) - Date.parse(before.time)) : null,
  });
}
