// What a timeline is made of: a journal's records put together to what a person would call one thing.
import type { CommandKind, Decision, EffectClass, FinishReason, RunError, Usage } from "~/api/gen/schemas";
import type { Kept } from "./kept";

interface Base {
  /** Stays the same however the entry grows. */
  readonly id: string;
  /** Records that it is made of, in order. */
  readonly seqs: readonly number[];
  /** When it began. */
  readonly time: string | undefined;
  /** When it was over; absent while it is under way, and for what takes no time. */
  readonly endTime?: string | undefined;
}

/** One attempt at a model call. */
export interface ModelEntry extends Base {
  readonly kind: "model";
  readonly step: number;
  readonly attempt: number;
  readonly model: string;
  readonly messageCount: number;
  /** True when it does not go on with the conversation but sums it up. */
  readonly sumsUp: boolean;
  /** `stopped` when the run ended before an answer, or a person had the call stopped. */
  readonly state: "running" | "answered" | "failed" | "stopped";
  readonly text: Kept | null;
  readonly thinking: Kept | null;
  /** Tools that the answer asks for. */
  readonly calls: readonly string[];
  readonly finish: FinishReason | null;
  readonly usage: Usage | null;
  /** Tokens in and out; null when unknown. */
  readonly tokens: number | null;
  /** Nano US dollars; absent when unknown. */
  readonly costNanoUsd: string | undefined;
  readonly estimated: boolean;
  /** True when it was cut after it had begun, so that the provider charges for it or may do so. */
  readonly maybeBilled: boolean;
  readonly durationMs: number | null;
  readonly error: RunError | null;
  readonly retryTime: string | undefined;
  /** Attempts at this step before this one that are charged or may be. */
  readonly chargedBefore: number;
  /** Workers that took the run over while this was under way. */
  readonly takeovers: number;
}

/** Something that a person was asked about a call. */
export interface Ask {
  readonly kind: "approval" | "question" | "outcome";
  /** `workspaces/{workspace}/inbox/{item}`. */
  readonly item: string;
  readonly time: string | undefined;
  /** Of outcomes: attempt whose outcome is unknown. */
  readonly attempt: number;
  /** Of outcomes: why nobody knows, without its prefix, and what was seen; empty where that is not told. */
  readonly cause: string;
  readonly detail: string;
  readonly decision: {
    readonly by: string;
    readonly time: string | undefined;
    readonly what: Decision | undefined;
  } | null;
}

/** A run that work was handed to. */
export interface Child {
  /** `workspaces/{workspace}/runs/{run}`. */
  readonly run: string;
  /** What the agent that delegates calls its teammate. */
  readonly teammate: string;
  readonly title: string;
  /** As far as its parent has heard. `stopping` once it was told to end. */
  readonly state: "working" | "stopping" | "succeeded" | "failed" | "cancelled";
  /** What its agent said, or why it did not succeed; null while it lives. */
  readonly said: Kept | null;
  /** Nano US dollars, those of its own children included. */
  readonly costNanoUsd: string;
  /** Files that it wrote. */
  readonly files: number;
}

/** One call of a tool, from asking whether it may be made to its result. */
export interface CallEntry extends Base {
  readonly kind: "call";
  readonly step: number;
  readonly callId: string;
  readonly tool: string;
  /** Of questions; null for all else. */
  readonly question: { readonly text: string; readonly choices: readonly string[] } | null;
  /** As it is carried out; as the model wrote it until then. */
  readonly argumentsJson: Kept;
  /** As the model wrote it, where a person changed it. */
  readonly proposedJson: Kept | null;
  readonly effect: EffectClass | null;
  readonly attempt: number;
  /** `answered` when a person answered in its place; `unfinished` and `void` when the run ended first. */
  readonly state:
    | "asked"
    | "decided"
    | "resting"
    | "delegated"
    | "running"
    | "done"
    | "failed"
    | "rejected"
    | "answered"
    | "unfinished"
    | "void";
  readonly asks: readonly Ask[];
  /** The rule by which nobody was asked; null where there is none. */
  readonly rule: { readonly name: string; readonly creator: string } | null;
  /** Of timers: when it is due, and what the agent waits for. */
  readonly timer: { readonly wakeTime: string | undefined; readonly reason: string } | null;
  /** Runs that it handed work to; none for all but `delegate`. */
  readonly children: readonly Child[];
  /** Of work for others: true if the first that succeeds is enough. */
  readonly anyIsEnough: boolean;
  readonly result: Kept | null;
  /** `workspaces/{workspace}/artifacts/{artifact}` it wrote; empty if none. */
  readonly artifact: string;
  readonly durationMs: number | null;
  /** Workers that took the run over while this was under way. */
  readonly takeovers: number;
}

/** A person's order with its receipt. */
export interface OrderEntry extends Base {
  readonly kind: "order";
  readonly command: string;
  readonly order: CommandKind;
  readonly by: string;
  readonly reason: string;
  /** Of a message to the agent: what was said; else empty. */
  readonly text: string;
  /** True when it does not wait for the model call that is under way. */
  readonly interrupt: boolean;
  readonly requestTime: string | undefined;
  readonly deliverTime: string | undefined;
  readonly effectTime: string | undefined;
  /** `superseded` when something else came first. */
  readonly state: "delivered" | "effective" | "superseded";
}

/** A worker took the run. */
export interface WorkerEntry extends Base {
  readonly kind: "worker";
  /** `first`; `retry` when it comes back for another attempt; `handed` when the one before died or let it go; `lost` when it died at work. */
  readonly how: "first" | "retry" | "handed" | "lost";
  /** How often the run has been taken, this time included. */
  readonly epoch: number;
  /** From the last record before it, in ms; null when unknown. */
  readonly silenceMs: number | null;
  /** Entries that were under way, and that it takes up again. */
  readonly underWay: number;
}

export interface QueuedEntry extends Base {
  readonly kind: "queued";
  readonly agent: string;
  readonly by: string;
  /** When it is to start; absent for at once. */
  readonly startTime: string | undefined;
  /** `workspaces/{workspace}/runs/{run}` that handed its task over; empty if none did. */
  readonly parent: string;
}

/** The engine told the agent something. */
export interface NoteEntry extends Base {
  readonly kind: "note";
  readonly step: number;
  readonly reason: string;
  readonly text: string;
}

/** The conversation that the model reads was made shorter; the records that it was made of stay. */
export interface ContextEntry extends Base {
  readonly kind: "context";
  /** Step of the model call that summed up; 0 where only answers of tools were shortened. */
  readonly step: number;
  /** Records that the summary stands for; both 0 without one. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** What the model reads in their place; null without a summary. */
  readonly text: Kept | null;
  /** Records whose turns hold an answer in whose place a reference stands, one for each answer. */
  readonly shortened: readonly number[];
  readonly tokensBefore: number;
  readonly tokensAfter: number;
  readonly windowTokens: number;
  /** Nano US dollars; absent where no model was asked, or when unknown. */
  readonly costNanoUsd: string | undefined;
}

/** The run is over. */
export interface EndEntry extends Base {
  readonly kind: "end";
  readonly outcome: "succeeded" | "failed" | "cancelled";
  /** The answer, whole. */
  readonly summary: string;
  readonly evidence: readonly string[];
  readonly error: RunError | null;
  readonly by: string;
  readonly reason: string;
  /** True when a person had the run go on afterwards. */
  readonly retried: boolean;
  /** Tools that were under way and whose effect is unknown. */
  readonly survivors: readonly string[];
}

/** A record that this build does not know. */
export interface UnknownEntry extends Base {
  readonly kind: "unknown";
  /** Name of the record's kind; empty when it cannot be read. */
  readonly name: string;
}

export type Entry =
  | ModelEntry
  | CallEntry
  | OrderEntry
  | WorkerEntry
  | QueuedEntry
  | NoteEntry
  | ContextEntry
  | EndEntry
  | UnknownEntry;

/** A journal as it is shown. Entries that have not changed are the same objects as before. */
export interface Timeline {
  readonly entries: readonly Entry[];
  /** `seq` of the last record. */
  readonly head: number;
  /** Ids of calls that wait for a person, oldest first. */
  readonly waiting: readonly string[];
  /** Workers that died at work. */
  readonly lost: number;
  readonly paused: boolean;
  readonly end: EndEntry | null;
}

export const modelId = (step: number, attempt: number): string => `model:${step}:${attempt}`;
export const callEntryId = (step: number, call: string): string => `call:${step}:${call}`;

/** What is asked of people about a call at the moment. */
export const openAsk = (call: CallEntry): Ask | null => {
  const last = call.asks.at(-1);
  return call.state === "asked" && last && !last.decision ? last : null;
};
