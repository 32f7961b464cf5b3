// Live text of a model call, put together as gateway/WEBSOCKET.md says: offsets count UTF-8 bytes, and nothing doubles.
import type { TopicFrame } from "~/transport/types";

type LiveFrame = Extract<TopicFrame, { type: "partial" | "delta" | "reset" }>;
type Kind = "text" | "thinking";

interface Held {
  readonly text: string;
  /** UTF-8 bytes of `text`. */
  readonly bytes: number;
}

const NOTHING: Held = { text: "", bytes: 0 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const held = (text: string): Held => ({ text, bytes: encoder.encode(text).length });

function cut({ text }: Held, bytes: number): string {
  return decoder.decode(encoder.encode(text).subarray(0, bytes));
}

/** What the model says at the moment. Immutable. */
export class LiveText {
  static readonly none = new LiveText(0, 0, NOTHING, NOTHING);

  private constructor(
    /** Step it belongs to; 0 when there is none. */
    readonly step: number,
    readonly attempt: number,
    private readonly heldText: Held,
    private readonly heldThinking: Held,
  ) {}

  get text(): string {
    return this.heldText.text;
  }

  get thinking(): string {
    return this.heldThinking.text;
  }

  /** After one frame of live text. */
  with(frame: LiveFrame): LiveText {
    if (frame.type === "reset") return new LiveText(frame.step, frame.attempt, NOTHING, NOTHING);
    const same = frame.step === this.step && frame.attempt === this.attempt;
    const base = same ? this : new LiveText(frame.step, frame.attempt, NOTHING, NOTHING);
    const kind: Kind = frame.kind === "thinking" ? "thinking" : "text";
    const before = kind === "text" ? base.heldText : base.heldThinking;
    const next = joined(before, frame.offset, frame.text);
    if (next === before) return base;
    return kind === "text"
      ? new LiveText(base.step, base.attempt, next, base.heldThinking)
      : new LiveText(base.step, base.attempt, base.heldText, next);
  }

  /** After a stored event: one that ends a model call has the whole message, and replaces what was live. */
  after(event: object): LiveText {
    const ends = ["modelCallCompleted", "modelCallFailed", "cancelled", "failed", "succeeded"].some(
      (kind) => kind in event,
    );
    return ends ? LiveText.none : this;
  }
}

/** `text` put at `offset`. Text that begins behind what is held is left out: it comes whole with the event. */
function joined(before: Held, offset: number, text: string): Held {
  if (offset === before.bytes) {
    return text === "" ? before : { text: before.text + text, bytes: before.bytes + held(text).bytes };
  }
  return offset < before.bytes ? held(cut(before, offset) + text) : before;
}
