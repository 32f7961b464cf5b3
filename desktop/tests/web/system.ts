// The system under test: where it is, and what is done to it behind the page's back.
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import type { Agent, Run, Task, Workspace } from "~/api/gen/schemas";

/** A setting of scripts/ui.sh. */
export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests with scripts/ui.sh, which starts a system for them`);
  return value;
}

/** Who is put on a team. */
export interface Member {
  name: string;
  role: string;
  /** `simulator/demo` */
  model: string;
  /** Asks before it writes a file. */
  asks?: boolean;
  /** A host that it may change things at, once it was approved. */
  reaches?: string;
}

/** The gateway's API as the first account. */
export class System {
  readonly url = setting("MC_E2E_URL");
  readonly #token = setting("MC_E2E_TOKEN");
  #session: Promise<string> | null = null;

  /** A link that signs a browser in, once. */
  async link(): Promise<string> {
    return `${this.url}/sign-in#code=${await this.#code()}`;
  }

  /** A workspace with nothing in it; its resource name. */
  async workspace(displayName: string): Promise<string> {
    return (await this.post<{ workspace: Workspace }>("workspaces", { displayName })).workspace.name;
  }

  /** A member of the team that may start at once; its resource name. */
  async member(workspace: string, member: Member): Promise<string> {
    const policy = member.asks ? "TOOL_POLICY_ASK" : "TOOL_POLICY_ALLOW";
    const web = { tool: "http_request", policy: "TOOL_POLICY_ASK", effect: "REQUEST_EFFECT_AT_MOST_ONCE" };
    const tools = [
      { tool: "write_artifact", policy },
      { tool: "read_artifact", policy: "TOOL_POLICY_ALLOW" },
      { tool: "ask_human", policy: "TOOL_POLICY_ALLOW" },
      ...(member.reaches ? [{ ...web, allowedHosts: [member.reaches] }] : []),
    ];
    const spec = { instructions: `You are ${member.name}. Play your script.`, model: member.model, tools };
    const made = await this.post<{ agent: Agent }>(`${workspace}/agents`, {
      displayName: member.name,
      role: member.role,
      spec,
    });
    await this.post(`${made.agent.name}:publish`, {});
    return made.agent.name;
  }

  /** A task; its resource name. */
  async task(
    workspace: string,
    task: Pick<Task, "title"> & Partial<Pick<Task, "brief" | "assignee">>,
  ): Promise<string> {
    return (await this.post<{ task: Task }>(`${workspace}/tasks`, task)).task.name;
  }

  /** A run of a task; its resource name. */
  async start(task: string): Promise<string> {
    return (await this.post<{ run: Run }>(`${task}:start`, {})).run.name;
  }

  /** Ids of the system's processes whose names begin with `name`; none where they are not processes of their own. */
  async processes(name: "gateway" | "worker-"): Promise<number[]> {
    const { stdout } = await promisify(execFile)(setting("MC_BIN"), ["status"]);
    return [...stdout.matchAll(new RegExp(`^${name}\\S*\\s+(\\d+)`, "gm"))].map(([, pid]) => Number(pid));
  }

  /** One call with a session; `path` without `/v1/`. */
  async post<Answer>(path: string, body: object): Promise<Answer> {
    this.#session ??= this.#signIn();
    return this.#call<Answer>(path, body, await this.#session);
  }

  async #signIn(): Promise<string> {
    const code = await this.#code();
    const { session } = await this.#call<{ session: { sessionToken: string } }>("auth:exchange", { code });
    return session.sessionToken;
  }

  async #code(): Promise<string> {
    return (await this.#call<{ code: string }>("auth:createSignInCode", {}, this.#token)).code;
  }

  async #call<Answer>(path: string, body: object, bearer?: string): Promise<Answer> {
    const response = await fetch(`${this.url}/v1/${path}`, {
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
