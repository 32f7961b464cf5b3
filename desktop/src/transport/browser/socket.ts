// One WebSocket of `mc.v1` for all topics: kept while somebody is signed in, resumed by cursor, never assumed to be alive.
import { type ClientFrame, ServerFrame } from "~/api/gen/frames";
import { asProblem, LocalReason, Problem } from "~/api/problem";
import { backoffMs } from "../backoff";
import { Cell } from "../readable";
import type { Connection, LostCause, TopicFrame, Watch, WatchHandlers } from "../types";
import type { Environment } from "./environment";

/** Silence after which the edge is asked whether it is there, and how long it has to answer, in ms. */
const PING_AFTER_MS = 25_000;
const PONG_WITHIN_MS = 10_000;
/** A connection that lasted this long counts as good: attempts count from one again. */
const SETTLED_MS = 10_000;
const BACKOFF = { firstMs: 500, maxMs: 30_000 };

/** Close codes of gateway/WEBSOCKET.md that need more than trying again. */
const CLOSE = { restarting: 1012, unauthenticated: 4401 } as const;

/** What the socket asks of the session. */
export interface Bearers {
  bearer(): Promise<string>;
  renew(refused: string): Promise<string>;
  /** Rejects with a Problem when the gateway cannot be reached, or does not take the session. */
  probe(): Promise<void>;
}

interface Topic {
  readonly handlers: WatchHandlers;
  cursor: string | null;
  /** Id of the `subscribe` under way or answered on this connection; null before it is sent. */
  request: string | null;
  acknowledged: boolean;
}

/** Follows topics over a connection that comes and goes. */
export class Socket {
  readonly connection = new Cell<Connection>({ state: "idle" });
  readonly #environment: Environment;
  readonly #bearers: Bearers;
  readonly #topics = new Map<string, Topic>();
  #socket: WebSocket | null = null;
  #wanted = false;
  #attempt = 0;
  #generation = 0;
  #lastId = 0;
  #openedAt = 0;
  #retry: number | null = null;
  #silence: number | null = null;
  #batch: { topic: Topic; frames: TopicFrame[] } | null = null;

  constructor(environment: Environment, bearers: Bearers) {
    this.#environment = environment;
    this.#bearers = bearers;
  }

  /** Keeps a connection from now on. */
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#attempt = 0;
    void this.#connect();
  }

  /** Lets go of the connection. Topics stay, and go on after `start`. */
  stop(): void {
    this.#wanted = false;
    this.#drop();
    this.connection.set({ state: "idle" });
  }

  /** Does not wait any longer. */
  hurry(): void {
    if (this.connection.get().state === "waiting") void this.#connect();
  }

  watch(name: string, cursor: string | null, handlers: WatchHandlers): Watch {
    if (this.#topics.has(name)) throw new Error(`${name} is watched already: close that watch first`);
    const topic: Topic = { handlers, cursor, request: null, acknowledged: false };
    this.#topics.set(name, topic);
    if (this.connection.get().state === "open") this.#subscribe(name, topic);
    return {
      close: () => {
        if (this.#topics.get(name) !== topic) return;
        this.#topics.delete(name);
        if (topic.request !== null) this.#send({ type: "unsubscribe", id: this.#id(), topic: name });
      },
    };
  }

  async #connect(): Promise<void> {
    this.#drop();
    const generation = this.#generation;
    this.#attempt += 1;
    this.connection.set({ state: "connecting" });
    let bearer: string;
    try {
      // Refused upgrades look like lost networks to a page, so that after a failure the reason is asked for over HTTP.
      if (this.#attempt > 1) await this.#bearers.probe();
      bearer = await this.#bearers.bearer();
    } catch (thrown) {
      if (generation === this.#generation) this.#wait(causeOf(asProblem(thrown)));
      return;
    }
    if (generation !== this.#generation || !this.#wanted) return;
    const url = `${this.#environment.origin.replace(/^http/, "ws")}/v1/ws`;
    const socket = this.#environment.connect(url, ["mc.v1", `bearer.${bearer}`]);
    this.#socket = socket;
    const current = () => generation === this.#generation;
    socket.onopen = () => current() && this.#opened();
    socket.onmessage = (message) => current() && this.#received(message.data);
    socket.onclose = (close) => current() && this.#closed(close.code, bearer);
  }

  #opened(): void {
    this.#openedAt = this.#environment.now();
    this.connection.set({ state: "open" });
    this.#listen();
    for (const [name, topic] of this.#topics) this.#subscribe(name, topic);
  }

  #closed(code: number, bearer: string): void {
    const lasted = this.#openedAt > 0 ? this.#environment.now() - this.#openedAt : 0;
    if (lasted >= SETTLED_MS) this.#attempt = 0;
    if (code === CLOSE.unauthenticated) return void this.#readmit(bearer);
    if (code === CLOSE.restarting) this.#wait("restarting", Math.round(1000 * this.#environment.random()));
    else this.#wait(this.#environment.online() ? "unreachable" : "network");
  }

  /** Connects with a renewed bearer. Without one the session has ended, which stops this socket. */
  async #readmit(refused: string): Promise<void> {
    this.#drop();
    const generation = this.#generation;
    this.connection.set({ state: "connecting" });
    try {
      await this.#bearers.renew(refused);
      if (generation === this.#generation) await this.#connect();
    } catch (thrown) {
      if (generation === this.#generation) this.#wait(causeOf(asProblem(thrown)));
    }
  }

  #wait(cause: LostCause, afterMs?: number): void {
    this.#drop();
    if (!this.#wanted) return;
    const delay = afterMs ?? backoffMs(Math.max(1, this.#attempt), this.#environment.random, BACKOFF);
    const retryAt = this.#environment.now() + delay;
    this.connection.set({ state: "waiting", cause, attempt: Math.max(1, this.#attempt), retryAt });
    this.#retry = this.#environment.setTimeout(() => void this.#connect(), delay);
  }

  /** Forgets the connection and everything that belonged to it. */
  #drop(): void {
    this.#flush();
    this.#generation += 1;
    this.#openedAt = 0;
    for (const timer of [this.#retry, this.#silence]) if (timer !== null) this.#environment.clearTimeout(timer);
    this.#retry = null;
    this.#silence = null;
    for (const topic of this.#topics.values()) {
      topic.request = null;
      topic.acknowledged = false;
    }
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** Waits for the next sign of life: first in patience, then after a ping. */
  #listen(): void {
    if (this.#silence !== null) this.#environment.clearTimeout(this.#silence);
    this.#silence = this.#environment.setTimeout(() => {
      this.#send({ type: "ping", id: this.#id() });
      this.#silence = this.#environment.setTimeout(() => this.#wait("unreachable"), PONG_WITHIN_MS);
    }, PING_AFTER_MS);
  }

  #received(data: unknown): void {
    this.#listen();
    const frame = parsed(data);
    if (!frame) return;
    switch (frame.type) {
      case "ack": {
        const topic = this.#requested(frame.id);
        if (topic) topic[1].acknowledged = true;
        return;
      }
      case "error":
        return this.#failed(frame);
      case "pong":
        return;
      default:
        return this.#deliver(frame);
    }
  }

  #deliver(frame: Exclude<ServerFrame, { type: "ack" | "error" | "pong" }>): void {
    const topic = this.#topics.get(frame.topic);
    if (!topic?.acknowledged) return;
    if ("cursor" in frame && frame.cursor !== "") topic.cursor = frame.cursor;
    if (frame.type !== "end") return this.#collect(topic, frame);
    this.#flush();
    this.#topics.delete(frame.topic);
    topic.handlers.end();
  }

  /** Frames that arrive in one turn are handed over together: a long journal then costs few renderings. */
  #collect(topic: Topic, frame: TopicFrame): void {
    if (this.#batch && this.#batch.topic !== topic) this.#flush();
    if (this.#batch) {
      this.#batch.frames.push(frame);
      return;
    }
    const batch = { topic, frames: [frame] };
    this.#batch = batch;
    this.#environment.setTimeout(() => this.#batch === batch && this.#flush(), 0);
  }

  #flush(): void {
    const batch = this.#batch;
    this.#batch = null;
    if (!batch) return;
    const alive = [...this.#topics.values()].includes(batch.topic);
    if (alive) batch.topic.handlers.frames(batch.frames);
  }

  #failed(frame: Extract<ServerFrame, { type: "error" }>): void {
    const problem = new Problem(frame.problem);
    const named = frame.topic ? this.#topics.get(frame.topic) : undefined;
    const asked = frame.id ? this.#requested(frame.id) : undefined;
    const [name, topic] = asked ?? (frame.topic && named ? [frame.topic, named] : []);
    if (!name || !topic) return;
    this.#flush();
    const ended = frame.ended || asked !== undefined;
    if (ended) this.#topics.delete(name);
    topic.handlers.problem(problem, ended);
  }

  #subscribe(name: string, topic: Topic): void {
    topic.request = this.#id();
    topic.acknowledged = false;
    this.#send({
      type: "subscribe",
      id: topic.request,
      topic: name,
      ...(topic.cursor ? { cursor: topic.cursor } : {}),
    });
  }

  #requested(id: string): [string, Topic] | undefined {
    return [...this.#topics].find(([, topic]) => topic.request === id);
  }

  #send(frame: ClientFrame): void {
    if (this.connection.get().state === "open") this.#socket?.send(JSON.stringify(frame));
  }

  #id(): string {
    this.#lastId += 1;
    return String(this.#lastId);
  }
}

/** A frame of this build's contract; what a newer edge adds is passed over. */
function parsed(data: unknown): ServerFrame | null {
  if (typeof data !== "string") return null;
  try {
    const result = ServerFrame.safeParse(JSON.parse(data));
    return result.success ? result.data : null;
  } catch {
    return null;
  }
}

function causeOf(problem: Problem): LostCause {
  return problem.reason === LocalReason.offline ? "network" : "unreachable";
}
