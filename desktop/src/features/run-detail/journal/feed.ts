// Follows a run: takes its journal in order, mends gaps, and hands changes on once per frame of the screen.
import { Problem } from "~/api/problem";
import { Cell } from "~/transport/readable";
import type { TopicFrame, Transport, Watch } from "~/transport/types";
import { Journal, NO_TIMELINE } from "./journal";
import { LiveText } from "./live-text";

/** How a feed stands. */
export interface FeedState {
  /** True when everything that was stored has arrived. */
  readonly caughtUp: boolean;
  /** True when the run is over and nothing follows. */
  readonly ended: boolean;
  /** Why the journal cannot be followed at the moment. */
  readonly problem: Problem | null;
  /** True when it is not tried again by itself. */
  readonly stopped: boolean;
}

const BEGINNING: FeedState = { caughtUp: false, ended: false, problem: null, stopped: false };

/** Work of one frame of the screen may take this long, in ms; what is left is for the next one. */
const BUDGET_MS = 8;
/** Gaps in a row, without a record in between, before it is left alone. */
const MAX_GAPS = 3;

/** Calls back before the next painting, and in pages that are not painted too. */
export type Schedule = (work: () => void) => () => void;

const beforePainting: Schedule = (work) => {
  const done = () => {
    cancel();
    work();
  };
  const frame = requestAnimationFrame(done);
  const timer = setTimeout(done, 250);
  const cancel = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  return cancel;
};

export class RunFeed {
  readonly timeline = new Cell(NO_TIMELINE);
  readonly live = new Cell(LiveText.none);
  readonly state = new Cell(BEGINNING);
  readonly #transport: Transport;
  readonly #run: string;
  readonly #schedule: Schedule;
  #journal = new Journal();
  #queue: TopicFrame[] = [];
  #over = false;
  #cursor: string | null = null;
  #gaps = 0;
  #watch: Watch | null = null;
  #scheduled: (() => void) | null = null;

  constructor(transport: Transport, run: string, schedule: Schedule = beforePainting) {
    this.#transport = transport;
    this.#run = run;
    this.#schedule = schedule;
  }

  /** Follows from the last record that was taken; also a run that had ended, when it goes on. */
  open(): void {
    this.close();
    this.#over = false;
    this.#set({ problem: null, stopped: false, ended: false });
    this.#watch = this.#transport.watch(this.#run, this.#cursor, {
      frames: (batch) => {
        for (const frame of batch) this.#queue.push(frame);
        this.#plan();
      },
      end: () => {
        this.#over = true;
        this.#plan();
      },
      problem: (problem, stopped) => this.#set({ problem, stopped }),
    });
  }

  /** Stops following; what has been read stays. */
  close(): void {
    this.#watch?.close();
    this.#watch = null;
    this.#scheduled?.();
    this.#scheduled = null;
    this.#queue = [];
  }

  #set(change: Partial<FeedState>): void {
    const now = this.state.get();
    const next = { ...now, ...change };
    if ((Object.keys(next) as (keyof FeedState)[]).some((key) => next[key] !== now[key])) this.state.set(next);
  }

  #plan(): void {
    this.#scheduled ??= this.#schedule(() => {
      this.#scheduled = null;
      this.#work();
    });
  }

  /** Takes what is queued, as far as the time of one frame goes. */
  #work(): void {
    const until = performance.now() + BUDGET_MS;
    const head = this.#journal.head;
    let live = this.live.get();
    let caughtUp = this.state.get().caughtUp;
    let done = 0;
    for (const frame of this.#queue) {
      if (done % 32 === 31 && performance.now() > until) break;
      done += 1;
      if (frame.type === "caughtUp") caughtUp = true;
      else if (frame.type !== "event") live = live.with(frame);
      else {
        const taken = this.#journal.take(frame.event);
        if (taken === "gap") return this.#mend(live, head);
        this.#cursor = frame.cursor;
        if (taken === "taken") live = live.after(frame.event as object);
      }
    }
    this.#queue = done === this.#queue.length ? [] : this.#queue.slice(done);
    const over = this.#over && this.#queue.length === 0;
    this.#show(over ? LiveText.none : live, head);
    this.#set({ caughtUp: caughtUp || over, ended: over, problem: null });
    if (this.#queue.length > 0) this.#plan();
  }

  #show(live: LiveText, head: number): void {
    this.live.set(live);
    if (this.#journal.head === head) return;
    this.#gaps = 0;
    this.timeline.set(this.#journal.timeline());
  }

  /** Records are missing: what came after them is let go and comes again, behind the last one that was taken. */
  #mend(live: LiveText, head: number): void {
    this.#show(live, head);
    this.#gaps += 1;
    if (this.#gaps <= MAX_GAPS) return this.open();
    this.close();
    this.#set({ stopped: true, problem: gapProblem(this.#journal.head) });
  }
}

const gapProblem = (head: number): Problem =>
  new Problem({
    reason: "JOURNAL_GAP",
    status: 0,
    detail: `The gateway leaves out what follows record ${head}. What you see is right up to there; the run itself is not affected.`,
  });
