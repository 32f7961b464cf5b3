// Journals for tests: records in order, with as little said as a test needs.
import type { RunEvent } from "~/api/gen/schemas";
import type { TopicFrame, Transport, Watch, WatchHandlers } from "~/transport/types";
import type { Timeline } from "./entries";
import { Journal } from "./journal";

/** A record without its number and time. */
export type Kind = Record<string, unknown>;

export const T0 = Date.parse("2026-11-23T09:00:00Z");

/** Records of these kinds, one a second. */
export const recorded = (kinds: readonly Kind[]): unknown[] =>
  kinds.map((kind, index) => ({
    seq: String(index + 1),
    createTime: new Date(T0 + index * 1_000).toISOString(),
    ...kind,
  }));

/** The timeline of a journal of these kinds. */
export function timelineOf(kinds: readonly Kind[]): Timeline {
  const journal = new Journal();
  for (const event of recorded(kinds)) journal.take(event);
  return journal.timeline();
}

export const queued = { queued: { agentDisplayName: "Ana", starter: "users/me" } };
export const started = { started: {} };
export const takenOver = (epoch = 2) => ({ takenOver: { leaseEpoch: String(epoch) } });
export const asksModel = (step = 1, attempt = 1) => ({
  modelCallStarted: { step, attempt, model: "simulator/demo", messageCount: 2 * step },
});
export const says = (text: string, step = 1, attempt = 1, more: object = {}) => ({
  modelCallCompleted: {
    step,
    attempt,
    message: { role: "MESSAGE_ROLE_ASSISTANT", parts: [{ text }] },
    finishReason: "FINISH_REASON_STOP",
    usage: { inputTokens: "700", cacheReadTokens: "50", outputTokens: "30" },
    costNanoUsd: "510000",
    duration: "1.2s",
    ...more,
  },
});
export const fails = (step = 1, attempt = 1, more: object = {}) => ({
  modelCallFailed: { step, attempt, error: { reason: "PROVIDER_UNAVAILABLE", message: "It broke off." }, ...more },
});
export const uses = (callId: string, more: object = {}) => ({
  toolCallStarted: {
    step: 1,
    callId,
    tool: "http_request",
    argumentsJson: '{"method":"POST","url":"https://a.test/x"}',
    effectClass: "EFFECT_CLASS_AT_MOST_ONCE",
    attempt: 1,
    ...more,
  },
});
export const returns = (callId: string, content = "HTTP 200", more: object = {}) => ({
  toolCallCompleted: { step: 1, callId, tool: "http_request", content, duration: "0.250s", ...more },
});
export const asks = (callId: string, item = callId) => ({
  approvalRequested: {
    step: 1,
    callId,
    inboxItem: `workspaces/w/inbox/${item}`,
    tool: "http_request",
    argumentsJson: '{"method":"POST","url":"https://a.test/x"}',
  },
});
export const decides = (callId: string, decision: object, item = callId) => ({
  decided: {
    step: 1,
    callId,
    inboxItem: `workspaces/w/inbox/${item}`,
    decider: "users/me",
    decideTime: "2026-11-23T09:10:00Z",
    decision,
  },
});
export const unsure = (callId: string, attempt = 1, item = `${callId}-${attempt}`) => ({
  outcomeUnknown: {
    step: 1,
    callId,
    inboxItem: `workspaces/w/inbox/${item}`,
    tool: "http_request",
    argumentsJson: "{}",
    attempt,
  },
});
export const orders = (command: string, kind: "PAUSE" | "RESUME" | "CANCEL" | "STEER", more: object = {}) => ({
  commandDelivered: {
    command,
    kind: `COMMAND_KIND_${kind}`,
    requester: "users/me",
    requestTime: "2026-11-23T08:59:59Z",
    ...more,
  },
});
export const succeeded = (summary = "All is well.") => ({ succeeded: { summary, evidence: ["artifact:report.md"] } });

/** A transport of which nothing but one watch is used. */
export class PlayedFeed {
  /** Cursors that were asked for, in order. */
  readonly asked: (string | null)[] = [];
  #handlers: WatchHandlers | null = null;

  get transport(): Transport {
    return {
      watch: (_topic: string, cursor: string | null, handlers: WatchHandlers): Watch => {
        if (this.#handlers) throw new Error("one watch per topic at a time");
        this.asked.push(cursor);
        this.#handlers = handlers;
        return {
          close: () => {
            if (this.#handlers === handlers) this.#handlers = null;
          },
        };
      },
    } as unknown as Transport;
  }

  get handlers(): WatchHandlers {
    if (!this.#handlers) throw new Error("nobody watches");
    return this.#handlers;
  }

  get watched(): boolean {
    return this.#handlers !== null;
  }
}

/** A record as a frame of its topic. */
export const frameOf = (event: unknown): TopicFrame => ({
  type: "event",
  cursor: (event as RunEvent).seq,
  event,
});
