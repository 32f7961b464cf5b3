// The transport of the web build: fetch, one WebSocket, and a session in the browser's storage.
import { z } from "zod";
import { Session as Tokens } from "~/api/gen/schemas";
import { type Environment, pageEnvironment } from "./browser/environment";
import { replyOf, send, sendSignedIn } from "./browser/http";
import { BrowserSession } from "./browser/session";
import { Socket } from "./browser/socket";
import { Cell } from "./readable";
import type { Credentials, Method, Reply, RequestOptions, Transport, Watch, WatchHandlers } from "./types";

const SignedIn = z.object({ session: Tokens });

/** How a browser reaches the gateway that served it. */
export class BrowserTransport implements Transport {
  readonly kind = "browser";
  readonly capabilities = { signIn: ["password", "code"], choosesGateway: false, secretStore: "browser" } as const;
  readonly notifications = null;
  readonly gateway: Cell<string>;
  readonly #environment: Environment;
  readonly #session: BrowserSession;
  readonly #socket: Socket;
  readonly #release: (() => void)[];

  constructor(environment: Environment = pageEnvironment(window.location.origin)) {
    this.#environment = environment;
    this.gateway = new Cell(environment.origin);
    this.#session = new BrowserSession(environment, (path, body) => this.#post(path, body));
    this.#socket = new Socket(environment, {
      bearer: () => this.#session.bearer(),
      renew: (refused) => this.#session.renew(refused),
      probe: async () => void (await this.request("GET", "/v1/me")),
    });
    this.#release = [
      this.#session.state.subscribe(() => this.#follow()),
      environment.onWake((event) => this.#woken(event)),
    ];
    this.#follow();
  }

  get session() {
    return this.#session.state;
  }

  get connection() {
    return this.#socket.connection;
  }

  async chooseGateway(): Promise<void> {
    throw new Error("A browser speaks to the gateway that served the page.");
  }

  async signIn(credentials: Credentials): Promise<void> {
    const reply = await this.#post(...signInCall(credentials));
    this.#session.open(SignedIn.parse(reply).session);
  }

  async signOut(): Promise<void> {
    const bearer = this.#session.close("signedOut");
    if (bearer) await send(this.#environment, "POST", "/v1/auth:signOut", {}, {}, bearer).catch(() => undefined);
  }

  async request(method: Method, path: string, body?: unknown, options: RequestOptions = {}): Promise<Reply> {
    const response = options.anonymous
      ? await send(this.#environment, method, path, body, options, null)
      : await sendSignedIn(this.#environment, this.#session, method, path, body, options);
    return replyOf(response);
  }

  async read(path: string, signal?: AbortSignal): Promise<Blob> {
    const options = signal ? { signal } : {};
    const response = await sendSignedIn(this.#environment, this.#session, "GET", path, undefined, options);
    return response.blob();
  }

  reconnect(): void {
    this.#socket.hurry();
  }

  watch(topic: string, cursor: string | null, handlers: WatchHandlers): Watch {
    return this.#socket.watch(topic, cursor, handlers);
  }

  dispose(): void {
    for (const release of this.#release) release();
    this.#socket.stop();
  }

  async #post(path: string, body: unknown): Promise<unknown> {
    const response = await send(this.#environment, "POST", path, body, {}, null);
    return (await replyOf(response)).body;
  }

  /** A connection is kept exactly while somebody is signed in. */
  #follow(): void {
    if (this.#session.state.get().state === "signedIn") this.#socket.start();
    else this.#socket.stop();
  }

  #woken(event: "online" | "offline" | "visible" | "storage"): void {
    if (event === "storage") this.#session.readAgain();
    else if (event !== "offline") this.#socket.hurry();
  }
}

function signInCall(credentials: Credentials): [path: string, body: unknown] {
  switch (credentials.kind) {
    case "password":
      return ["/v1/auth:signIn", { email: credentials.email, password: credentials.password }];
    case "code":
      return ["/v1/auth:exchange", { code: credentials.code }];
    case "token":
      throw new Error("A browser does not keep API tokens; sign in with a link or a password.");
  }
}
