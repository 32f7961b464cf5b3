// A browser for tests: a clock that is moved by hand, a network that answers what it is told, sockets that are played.
import type { ServerFrame } from "~/api/gen/frames";
import { type Environment, queueing } from "./environment";

type Answer = { status?: number; body?: unknown; etag?: string };
export interface Request {
  method: string;
  path: string;
  body: unknown;
  bearer: string | null;
  headers: Headers;
}

/** The far end of a socket that the transport has opened. */
export class PlayedSocket {
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((close: { code: number }) => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  closed = false;

  constructor(
    readonly url: string,
    readonly protocols: readonly string[],
  ) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.closed = true;
  }

  /** The edge takes the connection. */
  open(): void {
    this.onopen?.();
  }

  /** The edge sends a frame; `error` frames may leave `ended` out, as the edge does. */
  receive(frame: Partial<ServerFrame> & { type: string }): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The edge ends the connection. */
  end(code: number): void {
    this.onclose?.({ code });
  }

  /** Frames of one kind that were sent. */
  of(type: string): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame.type === type);
  }

  /** Acknowledges the newest request of a kind. */
  acknowledge(type = "subscribe"): void {
    this.receive({ type: "ack", id: String(this.of(type).at(-1)?.id) });
  }
}

/** A page of its own, over a storage that pages may share as tabs do. */
export class PlayedPage {
  readonly sockets: PlayedSocket[] = [];
  readonly requests: Request[] = [];
  now = 1_700_000_000_000;
  online = true;
  /** What the network answers; throwing is a network that is gone. */
  answer: (request: Request) => Answer | Promise<Answer> = () => ({ status: 404 });
  readonly environment: Environment;
  #wake: ((event: "online" | "offline" | "visible" | "storage") => void)[] = [];

  constructor(
    readonly storage: Map<string, string> = new Map(),
    exclusively = queueing(),
  ) {
    this.environment = {
      fetch: ((url: string, init: RequestInit) => this.#fetch(url, init)) as typeof fetch,
      connect: (url, protocols) => {
        const socket = new PlayedSocket(url, protocols);
        this.sockets.push(socket);
        return socket as unknown as WebSocket;
      },
      storage: {
        getItem: (key) => this.storage.get(key) ?? null,
        setItem: (key, value) => void this.storage.set(key, value),
        removeItem: (key) => void this.storage.delete(key),
      },
      exclusively,
      now: () => this.now,
      random: () => 1,
      setTimeout: (work, ms) => setTimeout(work, ms) as unknown as number,
      clearTimeout: (timer) => clearTimeout(timer),
      online: () => this.online,
      onWake: (listener) => {
        this.#wake.push(listener);
        return () => {
          this.#wake = this.#wake.filter((each) => each !== listener);
        };
      },
      origin: "http://edge.test",
    };
  }

  wake(event: "online" | "offline" | "visible" | "storage"): void {
    for (const listener of this.#wake) listener(event);
  }

  /** The socket that was opened last. */
  get socket(): PlayedSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }

  /** Bearers that requests to `path` came with. */
  bearers(path: string): (string | null)[] {
    return this.requests.filter((request) => request.path === path).map((request) => request.bearer);
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    const request: Request = {
      method: init.method ?? "GET",
      path: url.replace("http://edge.test", ""),
      body: init.body ? JSON.parse(String(init.body)) : undefined,
      bearer: headers.get("Authorization")?.replace("Bearer ", "") ?? null,
      headers,
    };
    this.requests.push(request);
    const { status = 200, body = {}, etag } = await this.answer(request);
    return new Response(JSON.stringify(body), { status, ...(etag ? { headers: { ETag: etag } } : {}) });
  }
}

/** A session as the gateway hands it out. */
export const session = (number: number, expireTime = "2099-01-01T00:00:00Z") => ({
  sessionToken: `mc_ses_${number}`,
  refreshToken: `mc_ref_${number}`,
  expireTime,
});

/** The body of a problem. */
export const problem = (status: number, reason: string, detail = "Something is wrong.") => ({
  status,
  body: { type: `urn:missioncontrol:problem:${reason}`, title: "Problem", status, detail, reason, instance: "0198.1" },
});
