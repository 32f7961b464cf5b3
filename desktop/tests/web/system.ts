// The system under test: where it is, and what is done to it behind the page's back.
import { randomUUID } from "node:crypto";

/** A setting of scripts/ui.sh. */
export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests with scripts/ui.sh, which starts a system for them`);
  return value;
}

/** The gateway's API as the first account. */
export class System {
  readonly url = setting("MC_E2E_URL");
  readonly #token = setting("MC_E2E_TOKEN");

  /** A link that signs a browser in, once. */
  async link(): Promise<string> {
    const { code } = await this.#call<{ code: string }>("/v1/auth:createSignInCode", {}, this.#token);
    return `${this.url}/sign-in#code=${code}`;
  }

  /** A workspace with nothing in it; its resource name. */
  async workspace(displayName: string): Promise<string> {
    const { code } = await this.#call<{ code: string }>("/v1/auth:createSignInCode", {}, this.#token);
    const { session } = await this.#call<{ session: { sessionToken: string } }>("/v1/auth:exchange", { code });
    const made = await this.#call<{ workspace: { name: string } }>(
      "/v1/workspaces",
      { displayName },
      session.sessionToken,
    );
    return made.workspace.name;
  }

  async #call<Answer>(path: string, body: object, bearer?: string): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "Idempotency-Key": randomUUID(),
        ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}),
      },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as Answer;
  }
}
