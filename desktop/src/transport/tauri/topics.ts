// The topics that this window follows. Rust keeps them over every loss of connection; here they are told apart by number.
import { ServerFrame } from "~/api/gen/frames";
import { asProblem, Problem } from "~/api/problem";
import type { TopicFrame, Watch, WatchHandlers } from "../types";
import { ask, type FrameMessage } from "./messages";

interface Topic {
  readonly name: string;
  readonly handlers: WatchHandlers;
}

/**
 * Hands frames to their followers. Each watch has a number of its own: a topic that is left and followed again at once gets
 * nothing that was on its way to the follower before.
 */
export class Topics {
  readonly #followed = new Map<number, Topic>();
  #last = 0;
  /** Commands run side by side in Rust, so that one is sent after the other: leaving and following must not change places. */
  #orders: Promise<void> = Promise.resolve();
  #batch: { watch: number; frames: TopicFrame[] } | null = null;

  watch(name: string, cursor: string | null, handlers: WatchHandlers): Watch {
    if ([...this.#followed.values()].some((topic) => topic.name === name)) {
      throw new Error(`${name} is watched already: close that watch first`);
    }
    this.#last += 1;
    const watch = this.#last;
    this.#followed.set(watch, { name, handlers });
    this.#order("watch", { topic: name, cursor, watch }, (problem) => {
      if (this.#followed.delete(watch)) handlers.problem(problem, true);
    });
    return {
      close: () => {
        if (this.#followed.delete(watch)) this.#order("unwatch", { topic: name });
      },
    };
  }

  /** Takes one frame in. What belongs together is handed over by the next `flush`. */
  take({ watch, frame, last }: FrameMessage): void {
    const parsed = ServerFrame.safeParse(frame);
    // What a newer gateway adds is passed over.
    if (!parsed.success) return;
    const { data } = parsed;
    if (data.type === "error") {
      const problem = new Problem(data.problem);
      this.#tell(watch, last, (handlers) => handlers.problem(problem, last));
    } else if (data.type === "end") this.#tell(watch, true, (handlers) => handlers.end());
    else if (data.type !== "ack" && data.type !== "pong") this.#collect(watch, data);
  }

  /** Hands over what was taken in. */
  flush(): void {
    const batch = this.#batch;
    this.#batch = null;
    if (batch) this.#followed.get(batch.watch)?.handlers.frames(batch.frames);
  }

  /** Ends every watch for a reason that its follower is told. */
  end(problem: Problem): void {
    this.#batch = null;
    const topics = [...this.#followed.values()];
    this.#followed.clear();
    for (const { handlers } of topics) handlers.problem(problem, true);
  }

  /** Leaves every topic; no handler is called afterwards. */
  dispose(): void {
    this.#batch = null;
    const topics = [...this.#followed.values()];
    this.#followed.clear();
    for (const { name } of topics) this.#order("unwatch", { topic: name });
  }

  #collect(watch: number, frame: TopicFrame): void {
    if (this.#batch && this.#batch.watch !== watch) this.flush();
    if (this.#batch) this.#batch.frames.push(frame);
    else this.#batch = { watch, frames: [frame] };
  }

  #tell(watch: number, over: boolean, tell: (handlers: WatchHandlers) => void): void {
    this.flush();
    const topic = this.#followed.get(watch);
    if (!topic) return;
    if (over) this.#followed.delete(watch);
    tell(topic.handlers);
  }

  #order(command: string, args: Record<string, unknown>, refused: (problem: Problem) => void = () => undefined): void {
    this.#orders = this.#orders
      .then(() => ask<void>(command, args))
      .catch((thrown: unknown) => refused(asProblem(thrown)));
  }
}
