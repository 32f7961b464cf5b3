// The transport of the desktop window: Rust holds the session, makes the calls and keeps the live connection.
import { Channel } from "@tauri-apps/api/core";
import { Problem } from "~/api/problem";
import { Cell } from "./readable";
import { parseReply, problemOfReply } from "./reply";
import { type Answer, ask, type Beginning, type ConnectionMessage, type Message } from "./tauri/messages";
import { Notices } from "./tauri/notices";
import { Topics } from "./tauri/topics";
import type {
  Connection,
  Credentials,
  Method,
  Reply,
  RequestOptions,
  Session,
  Transport,
  Watch,
  WatchHandlers,
} from "./types";

/** How the desktop window reaches the gateway that its person chooses. */
export class TauriTransport implements Transport {
  readonly kind = "tauri";
  readonly capabilities = {
    signIn: ["code", "password", "token"],
    choosesGateway: true,
    secretStore: "keychain",
  } as const;
  readonly notifications = new Notices();
  readonly gateway = new Cell("");
  readonly session = new Cell<Session>({ state: "unknown" });
  readonly connection = new Cell<Connection>({ state: "idle" });
  readonly #topics = new Topics();
  readonly #release: () => void;
  #attachment = 0;

  /** Begins to listen. Rust reads the keychain first, so that it is known then who is signed in. */
  static async attached(): Promise<TauriTransport> {
    const transport = new TauriTransport();
    await transport.#attach();
    return transport;
  }

  private constructor() {
    const hurry = () => {
      if (document.visibilityState === "visible" && this.connection.get().state === "waiting") this.reconnect();
    };
    window.addEventListener("online", hurry);
    document.addEventListener("visibilitychange", hurry);
    this.#release = () => {
      window.removeEventListener("online", hurry);
      document.removeEventListener("visibilitychange", hurry);
    };
  }

  async chooseGateway(url: string): Promise<void> {
    await ask<void>("choose_gateway", { url });
    await this.#attach();
  }

  async signIn(credentials: Credentials): Promise<void> {
    const moved = await ask<boolean>("sign_in", { credentials });
    if (moved) await this.#attach();
    // The message that says so may be on its way still; whoever waits for this goes on at once.
    this.#stand({ state: "signedIn" });
  }

  async signOut(): Promise<void> {
    // It has ended here even if the keychain keeps its entry: the gateway was told.
    await ask<void>("sign_out").catch(() => undefined);
    this.#stand({ state: "signedOut", because: "signedOut" });
  }

  async request(method: Method, path: string, body?: unknown, options: RequestOptions = {}): Promise<Reply> {
    const { signal, idempotencyKey, ifMatch, anonymous = false } = options;
    const request = { method, path, body, idempotencyKey, ifMatch, anonymous };
    const answer = await unlessGivenUp(signal, () => ask<Answer>("request", { request }));
    if (answer.status < 200 || answer.status > 299) throw problemOfReply(answer.status, answer.body);
    return { status: answer.status, body: parseReply(answer.status, answer.body), etag: answer.etag };
  }

  async read(path: string, signal?: AbortSignal): Promise<Blob> {
    return new Blob([await unlessGivenUp(signal, () => ask<ArrayBuffer>("read", { path }))]);
  }

  reconnect(): void {
    // A connection that is not there cannot be hurried.
    void ask<void>("reconnect").catch(() => undefined);
  }

  watch(topic: string, cursor: string | null, handlers: WatchHandlers): Watch {
    return this.#topics.watch(topic, cursor, handlers);
  }

  dispose(): void {
    this.#attachment += 1;
    this.#release();
    this.#topics.dispose();
  }

  /** Listens anew: at the beginning, and at another gateway, where nothing that was followed here exists. */
  async #attach(): Promise<void> {
    this.#attachment += 1;
    const attachment = this.#attachment;
    this.connection.set({ state: "idle" });
    this.#topics.end(new Problem({ reason: "GATEWAY_CHANGED", status: 0, detail: "Another gateway was chosen." }));
    // Messages may come before the answer that they follow.
    const messages = new Channel<readonly Message[]>((batch) => {
      void begun.then(() => attachment === this.#attachment && this.#take(batch));
    });
    const begun = ask<Beginning>("attach", { messages }).then(({ gateway, session }) => {
      if (attachment !== this.#attachment) return;
      this.gateway.set(gateway);
      this.#stand(session);
    });
    await begun;
  }

  /** Deals with a batch and then says so, which brings the next ones: Rust holds the gateway back meanwhile. */
  #take(batch: readonly Message[]): void {
    try {
      for (const message of batch) {
        if (message.type === "frame") {
          this.#topics.take(message);
          continue;
        }
        this.#topics.flush();
        if (message.type === "session") this.#stand(message.session);
        else if (message.type === "connection") this.connection.set(connectionOf(message.connection));
        else this.notifications.chosen(message.notice, message.action);
      }
      this.#topics.flush();
    } finally {
      void ask<void>("taken", { batches: 1 }).catch(() => undefined);
    }
  }

  #stand(session: Session): void {
    const now = this.session.get();
    const because = (each: Session) => (each.state === "signedOut" ? each.because : null);
    if (now.state !== session.state || because(now) !== because(session)) this.session.set(session);
  }
}

function connectionOf(message: ConnectionMessage): Connection {
  if (message.state !== "waiting") return message;
  const { cause, attempt, retryInMs } = message;
  return { state: "waiting", cause, attempt, retryAt: Date.now() + retryInMs };
}

/** Rejects with the signal's reason as soon as it is given up. Rust finishes what it has begun; nobody looks at it. */
async function unlessGivenUp<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
  if (!signal) return work();
  signal.throwIfAborted();
  return new Promise<Result>((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", giveUp));
  });
}
