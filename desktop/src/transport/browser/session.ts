// The session of a browser: where its tokens rest, and how they are renewed once, however many calls and tabs want it.
import { z } from "zod";
import { Session as Tokens } from "~/api/gen/schemas";
import { LocalReason, Problem } from "~/api/problem";
import { Cell } from "../readable";
import type { Session } from "../types";
import type { Environment } from "./environment";

const KEY = "mc.session";
const LOCK = "mc.session.renew";
/** A token that ends sooner than this is renewed before it is used. */
const MARGIN_MS = 30_000;

const Stored = z.object({ sessionToken: z.string(), refreshToken: z.string(), expireTime: z.string().optional() });
type Stored = z.output<typeof Stored>;

/** Sends one request without a session; rejects with a Problem. */
export type Post = (path: string, body: unknown, bearer?: string) => Promise<unknown>;

/** Holds the tokens; nobody else reads them, but for the bearer of a request that is about to leave. */
export class BrowserSession {
  readonly state = new Cell<Session>({ state: "unknown" });
  readonly #environment: Environment;
  readonly #post: Post;
  #renewal: Promise<string> | null = null;

  constructor(environment: Environment, post: Post) {
    this.#environment = environment;
    this.#post = post;
    this.readAgain();
  }

  /** Takes over what another tab has stored or removed. */
  readAgain(): void {
    const stored = this.#stored();
    if (stored) this.#enter();
    else if (this.state.get().state !== "signedOut") {
      const because = this.state.get().state === "signedIn" ? "signedOut" : "never";
      this.state.set({ state: "signedOut", because });
    }
  }

  /** Starts a session with what the gateway handed out. */
  open(tokens: unknown): void {
    this.#store(Tokens.parse(tokens));
    this.state.set({ state: "signedIn" });
  }

  /** A bearer that is good for a while: renewed first when it is about to end. Rejects with a Problem. */
  async bearer(): Promise<string> {
    const stored = this.#stored();
    if (!stored) throw this.#lost("never");
    const end = stored.expireTime ? Date.parse(stored.expireTime) : Number.POSITIVE_INFINITY;
    return end - this.#environment.now() > MARGIN_MS ? stored.sessionToken : this.renew(stored.sessionToken);
  }

  /**
   * A bearer other than `refused`. A refresh token works once and a second use ends the session, so calls of this tab
   * share one renewal, and tabs take turns: who comes second finds what the first has stored.
   */
  renew(refused: string): Promise<string> {
    this.#renewal ??= this.#environment
      .exclusively(LOCK, () => this.#renewAlone(refused))
      .finally(() => {
        this.#renewal = null;
      });
    return this.#renewal;
  }

  /** Forgets the session, and returns the bearer it had. */
  close(because: "signedOut" | "expired"): string | null {
    const bearer = this.#stored()?.sessionToken ?? null;
    this.#environment.storage.removeItem(KEY);
    this.state.set({ state: "signedOut", because });
    return bearer;
  }

  async #renewAlone(refused: string): Promise<string> {
    const stored = this.#stored();
    if (!stored) throw this.#lost("expired");
    if (stored.sessionToken !== refused) return stored.sessionToken;
    const trade = () => this.#post("/v1/auth:refresh", { refreshToken: stored.refreshToken });
    try {
      // An answer that got lost is asked for again at once: for ten seconds the gateway gives the same pair.
      const reply = await trade().catch((thrown: unknown) => {
        if (thrown instanceof Problem && thrown.status === 0) return trade();
        throw thrown;
      });
      const renewed = this.#store(z.object({ session: Tokens }).parse(reply).session);
      return renewed.sessionToken;
    } catch (thrown) {
      if (thrown instanceof Problem && [400, 401, 403].includes(thrown.status)) throw this.#lost("expired");
      throw thrown;
    }
  }

  #lost(because: "never" | "expired"): Problem {
    this.#environment.storage.removeItem(KEY);
    this.state.set({ state: "signedOut", because });
    const detail = "You are signed out. Sign in again; what you have written here is kept.";
    return new Problem({ reason: LocalReason.signedOut, status: 401, detail });
  }

  #enter(): void {
    if (this.state.get().state !== "signedIn") this.state.set({ state: "signedIn" });
  }

  #store({ sessionToken, refreshToken, expireTime }: Tokens): Stored {
    const stored: Stored = { sessionToken, refreshToken, expireTime };
    this.#environment.storage.setItem(KEY, JSON.stringify(stored));
    return stored;
  }

  #stored(): Stored | null {
    const text = this.#environment.storage.getItem(KEY);
    if (text === null) return null;
    try {
      return Stored.parse(JSON.parse(text));
    } catch {
      this.#environment.storage.removeItem(KEY);
      return null;
    }
  }
}
