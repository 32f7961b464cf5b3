// What stands between the interface and a gateway. Everything that holds a secret is behind it: no token ever passes through.

import type { LiveText } from "~/api/gen/frames";
import type { Problem } from "~/api/problem";

/** A value that changes, in the shape that `useSyncExternalStore` reads. */
export interface Readable<Value> {
  /** The value as it is now; the same object until it changes. */
  get(): Value;
  /** Calls `listener` after every change, until the returned function is called. */
  subscribe(listener: () => void): () => void;
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What a request may carry beside its body. */
export interface RequestOptions {
  /** Makes a repeated request answer as the first one did. */
  readonly idempotencyKey?: string;
  /** Etag that must still be current. */
  readonly ifMatch?: string;
  /** Gives the request up; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** True for calls that need no session. */
  readonly anonymous?: boolean;
}

/** An answer with a 2xx status. All others are thrown as `Problem`. */
export interface Reply {
  readonly status: number;
  /** Parsed JSON, as it came. */
  readonly body: unknown;
  /** Etag of the resource in the body. */
  readonly etag: string | null;
}

/** What arrives on a topic, in order. */
export type TopicFrame =
  /** A stored event, once, in order. `event` is as it came: its reader parses it. */
  | { readonly type: "event"; readonly cursor: string; readonly event: unknown }
  /** Live text from `offset` on, which replaces what is held from there. */
  | ({ readonly type: "partial" } & LiveText)
  /** Live text right behind what came before. */
  | ({ readonly type: "delta" } & LiveText)
  /** Live text of `step` is void: a new attempt has begun. */
  | { readonly type: "reset"; readonly step: number; readonly attempt: number }
  /** Everything that was stored has been sent. */
  | { readonly type: "caughtUp"; readonly cursor: string };

/** What a follower of a topic is told. */
export interface WatchHandlers {
  /** One or more frames, in order. After a lost connection they go on after the last event, without gap or repetition. */
  frames(batch: readonly TopicFrame[]): void;
  /** The topic is over and every event was sent. Nothing follows. */
  end(): void;
  /** The topic cannot be followed. With `ended` nothing follows; without, the transport goes on trying. */
  problem(problem: Problem, ended: boolean): void;
}

/** A topic that is followed. */
export interface Watch {
  /** Stops following; no handler is called afterwards. Closing twice is fine. */
  close(): void;
}

/** How the live connection stands. */
export type Connection =
  /** Nobody is signed in, so none is kept. */
  | { readonly state: "idle" }
  | { readonly state: "connecting" }
  | { readonly state: "open" }
  /** It broke and is tried again at `retryAt` (ms since 1970). */
  | { readonly state: "waiting"; readonly cause: LostCause; readonly attempt: number; readonly retryAt: number };

/** Why there is no connection: each has its own words and its own way out. */
export type LostCause =
  /** This machine has no network. */
  | "network"
  /** Nothing answers: the fleet is stopped, or the address is wrong. */
  | "unreachable"
  /** The gateway said that it restarts. */
  | "restarting";

/** Who is signed in. The tokens stay behind the transport. */
export type Session =
  /** Not read yet. */
  | { readonly state: "unknown" }
  | { readonly state: "signedOut"; readonly because: "never" | "signedOut" | "expired" }
  | { readonly state: "signedIn" };

/** What a person signs in with. It goes in once and never comes back. */
export type Credentials =
  | { readonly kind: "password"; readonly email: string; readonly password: string }
  /** The one-time code of a sign-in link. */
  | { readonly kind: "code"; readonly code: string }
  /** An API token, `mc_pat_...`. */
  | { readonly kind: "token"; readonly token: string };

/** A message of the operating system. */
export interface Notice {
  /** Stable: showing it again replaces it, and `withdraw` takes it back. */
  readonly id: string;
  readonly title: string;
  readonly body: string;
  /** Buttons, where the system has them; the first is the main one. */
  readonly actions: readonly { readonly id: string; readonly label: string }[];
}

/** Messages of the operating system. */
export interface Notifications {
  /** Asks the person where that is needed. */
  allow(): Promise<boolean>;
  /** Shows or replaces a notice. Does nothing when not allowed. */
  show(notice: Notice): Promise<void>;
  /** Takes a notice back, also when it is gone. */
  withdraw(id: string): Promise<void>;
  /** Told what was chosen; `open` when the notice itself was clicked. */
  onAction(listener: (noticeId: string, actionId: string) => void): () => void;
}

/** What this build can do, so that the interface offers nothing else. */
export interface Capabilities {
  /** Ways to sign in, in the order they are offered. */
  readonly signIn: readonly Credentials["kind"][];
  /** True when the person says which gateway to speak to. */
  readonly choosesGateway: boolean;
  /** Where secrets rest, for the sentence in Settings. */
  readonly secretStore: "browser" | "keychain" | "memory";
}

/** The way to a gateway: over fetch and a WebSocket in a browser, through Rust in the desktop window, in memory in tests. */
export interface Transport {
  readonly kind: "browser" | "tauri" | "memory";
  readonly capabilities: Capabilities;
  /** Messages of the operating system; null where there are none. */
  readonly notifications: Notifications | null;

  /** Root of the gateway without a slash at its end: `https://mc.example`. */
  readonly gateway: Readable<string>;
  /** Speaks to another gateway from now on. Refused unless `capabilities.choosesGateway`. */
  chooseGateway(url: string): Promise<void>;

  readonly session: Readable<Session>;
  /** Opens a session. Throws a `Problem`; the session is then as it was. */
  signIn(credentials: Credentials): Promise<void>;
  /** Ends the session here and, if it can be reached, at the gateway. Never throws. */
  signOut(): Promise<void>;

  /** One call of `/v1/...` (path with query). Renews the session when it has to. Throws a `Problem`. */
  request(method: Method, path: string, body?: unknown, options?: RequestOptions): Promise<Reply>;
  /** Content that is not JSON, such as an artifact. Throws a `Problem`. */
  read(path: string, signal?: AbortSignal): Promise<Blob>;

  readonly connection: Readable<Connection>;
  /** Tries at once instead of at `retryAt`. */
  reconnect(): void;
  /**
   * Follows a topic from after `cursor` (null: a run from its beginning, a workspace from now on), over every loss of connection.
   * One watch per topic at a time: a second one throws.
   */
  watch(topic: string, cursor: string | null, handlers: WatchHandlers): Watch;

  /** Lets go of connections and timers. */
  dispose(): void;
}
