// The whole application over the real browser transport, against a gateway that msw plays.
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll } from "vitest";
import type {
  Agent,
  ApprovalRule,
  Command,
  InboxItem,
  Run,
  Schedule,
  ScheduleFire,
  Task,
  TaskComment,
} from "~/api/gen/schemas";
import { Providers } from "~/app/providers";
import { useTaskDrafts } from "~/features/tasks/draft";
import { BrowserTransport } from "~/transport/browser";
import { pageEnvironment } from "~/transport/browser/environment";
import { PlayedSocket } from "~/transport/browser/testing";
import type { Notifications, Transport } from "~/transport/types";

export const EDGE = "http://edge.test";
export const W = "workspaces/w";
export const ME = "users/me";

/** What the played gateway holds. Tests put things in and look at what was written. */
export class World {
  agents: Partial<Agent>[] = [];
  tasks: Partial<Task>[] = [];
  runs: Partial<Run>[] = [];
  items: Partial<InboxItem>[] = [];
  commands: Partial<Command>[] = [];
  rules: Partial<ApprovalRule>[] = [];
  schedules: Partial<Schedule>[] = [];
  fires: Partial<ScheduleFire>[] = [];
  comments: Partial<TaskComment>[] = [];
  /** Searches that tasks were listed with. */
  asked: string[] = [];
  /** Bodies by method and path. */
  written: { call: string; body: unknown; key: string | null; ifMatch: string | null }[] = [];

  reset(): void {
    Object.assign(this, new World());
  }

  /** Bodies that were sent to `call`: `POST /v1/workspaces/w/tasks`. */
  bodies(call: string): unknown[] {
    return this.written.filter((each) => each.call === call).map((each) => each.body);
  }
}

export const world = new World();

/** An RFC 9457 answer. */
export const problem = (status: number, reason: string, more: object = {}) =>
  HttpResponse.json(
    {
      type: `urn:missioncontrol:problem:${reason}`,
      title: "Problem",
      status,
      detail: `Detail of ${reason}.`,
      reason,
      instance: "0198.1",
      ...more,
    },
    { status },
  );

/** A handler that notes what was written before it answers. */
export const writes = (
  method: "post" | "patch" | "delete",
  path: string,
  answer: (body: never, request: Request) => Response,
) =>
  http[method](`${EDGE}${path}`, async ({ request }) => {
    const body = (method === "delete" ? null : await request.json()) as never;
    world.written.push({
      call: `${request.method} ${new URL(request.url).pathname}`,
      body,
      key: request.headers.get("Idempotency-Key"),
      ifMatch: request.headers.get("If-Match"),
    });
    return answer(body, request);
  });

const models = [{ id: "simulator/demo", provider: `${W}/providers/simulator`, simulated: true }];

const reads = [
  http.get(`${EDGE}/v1/me`, () =>
    HttpResponse.json({
      user: { name: ME, email: "ana@example.com", displayName: "Ana" },
      memberships: [{ workspace: W, workspaceDisplayName: "Acme", role: "ROLE_OWNER" }],
    }),
  ),
  http.get(`${EDGE}/v1/${W}/agents`, () => HttpResponse.json({ agents: world.agents })),
  http.get(`${EDGE}/v1/${W}/tasks`, ({ request }) => {
    // Whole words, as the gateway looks for them.
    const words = new URL(request.url).searchParams.get("query")?.toLowerCase().split(" ") ?? [];
    const said = ({ title, brief }: Partial<Task>) => `${title} ${brief ?? ""}`.toLowerCase().split(/\W+/);
    const tasks = world.tasks.filter((each) => words.every((word) => said(each).includes(word)));
    world.asked.push(new URL(request.url).search);
    return HttpResponse.json({ tasks });
  }),
  http.get(`${EDGE}/v1/${W}/tasks/:id`, ({ params }) => {
    const found = world.tasks.find((each) => each.name === `${W}/tasks/${params.id}`);
    return found ? HttpResponse.json({ task: found }) : problem(404, "NOT_FOUND");
  }),
  http.get(`${EDGE}/v1/${W}/tasks/:id/comments`, () => HttpResponse.json({ taskComments: world.comments })),
  http.get(`${EDGE}/v1/${W}/runs`, () => HttpResponse.json({ runs: world.runs })),
  http.get(`${EDGE}/v1/${W}/runs/:id`, ({ params }) => {
    const run = world.runs.find((each) => each.name === `${W}/runs/${params.id}`);
    return run ? HttpResponse.json({ run }) : problem(404, "NOT_FOUND");
  }),
  http.get(`${EDGE}/v1/${W}/runs/:id/commands`, () => HttpResponse.json({ commands: world.commands })),
  http.get(`${EDGE}/v1/${W}/agents/:agent/versions/:version`, ({ params }) =>
    HttpResponse.json({ agentVersion: { name: `${W}/agents/${params.agent}/versions/${params.version}`, version: 7 } }),
  ),
  http.get(`${EDGE}/v1/${W}/models`, () => HttpResponse.json({ models })),
  http.get(`${EDGE}/v1/${W}/usage`, () => HttpResponse.json({ total: {} })),
  http.get(`${EDGE}/v1/${W}/inbox`, ({ request }) => {
    const state = new URL(request.url).searchParams.get("state");
    const items = world.items.filter((item) => state === null || item.state === state);
    const openCount = world.items.filter((item) => item.state === "INBOX_ITEM_STATE_OPEN").length;
    return HttpResponse.json({ inboxItems: items, openCount });
  }),
  http.get(`${EDGE}/v1/${W}/schedules`, () => HttpResponse.json({ schedules: world.schedules })),
  http.get(`${EDGE}/v1/${W}/schedules/:id`, ({ params }) => {
    const schedule = world.schedules.find((each) => each.name === `${W}/schedules/${params.id}`);
    return schedule ? HttpResponse.json({ schedule }) : problem(404, "NOT_FOUND");
  }),
  http.get(`${EDGE}/v1/${W}/schedules/:id/fires`, () => HttpResponse.json({ fires: world.fires })),
  http.get(`${EDGE}/v1/${W}/approvalRules`, ({ request }) => {
    const all = new URL(request.url).searchParams.get("showEnded") === "true";
    const approvalRules = world.rules.filter((rule) => all || rule.state === "APPROVAL_RULE_STATE_ACTIVE");
    return HttpResponse.json({ approvalRules });
  }),
  http.get(`${EDGE}/v1/${W}/approvalRules/:id`, ({ params }) => {
    const approvalRule = world.rules.find((each) => each.name === `${W}/approvalRules/${params.id}`);
    return approvalRule ? HttpResponse.json({ approvalRule }) : problem(404, "NOT_FOUND");
  }),
  http.get(`${EDGE}/v1/${W}/inbox/:id`, ({ params }) => {
    const item = world.items.find((each) => each.name === `${W}/inbox/${params.id}`);
    return item ? HttpResponse.json({ inboxItem: item }) : problem(404, "NOT_FOUND");
  }),
];

export const gateway = setupServer(...reads);

/** Starts and stops the gateway around the tests of a file. */
export function playGateway(): void {
  beforeAll(() => gateway.listen({ onUnhandledRequest: "error" }));
  afterEach(() => {
    gateway.resetHandlers();
    world.reset();
    useTaskDrafts.setState({ drafts: {} });
    window.history.replaceState(null, "", "/");
  });
  afterAll(() => gateway.close());
}

interface Opened {
  signedIn?: boolean;
  /** Those of the operating system; a browser has none. */
  notifications?: Notifications | null;
}

/** Opens the application at `path`, signed in unless told otherwise. */
export function open(path: string, { signedIn = true, notifications = null }: Opened = {}) {
  if (signedIn) {
    const session = { sessionToken: "mc_ses_1", refreshToken: "mc_ref_1", expireTime: "2099-01-01T00:00:00Z" };
    localStorage.setItem("mc.session", JSON.stringify(session));
  }
  window.history.replaceState(null, "", path);
  const sockets: PlayedSocket[] = [];
  const connect = (url: string, protocols: string[]) => {
    const socket = new PlayedSocket(url, protocols);
    sockets.push(socket);
    return socket as unknown as WebSocket;
  };
  const transport: Transport = Object.assign(new BrowserTransport({ ...pageEnvironment(EDGE), connect }), {
    notifications,
  });
  const view = render(<Providers transport={transport} />);
  return { ...view, transport, sockets, user: userEvent.setup() };
}

export const TIME = "2026-11-23T09:00:00Z";

export const agent = (id: string, more: Partial<Agent> = {}): Partial<Agent> => ({
  name: `${W}/agents/${id}`,
  displayName: id,
  latestVersion: 1,
  etag: `etag-${id}`,
  spec: { instructions: "Do it.", model: "simulator/demo", tools: [] },
  createTime: TIME,
  updateTime: TIME,
  ...more,
});

export const task = (id: string, more: Partial<Task> = {}): Partial<Task> => ({
  name: `${W}/tasks/${id}`,
  title: `Task ${id}`,
  state: "TASK_STATE_OPEN",
  createTime: TIME,
  updateTime: TIME,
  ...more,
});

export const approval = (id: string, more: Partial<InboxItem> = {}): Partial<InboxItem> => ({
  name: `${W}/inbox/${id}`,
  kind: "INBOX_ITEM_KIND_APPROVAL",
  state: "INBOX_ITEM_STATE_OPEN",
  run: `${W}/runs/r`,
  task: `${W}/tasks/t`,
  taskTitle: "Fix the login",
  agentVersion: `${W}/agents/a/versions/7`,
  agentDisplayName: "Ana",
  step: 1,
  callId: "c",
  tool: "http_request",
  argumentsJson: `{"method":"POST","url":"https://api.example.com/${id}","count":1}`,
  parametersJsonSchema: JSON.stringify({
    type: "object",
    properties: { method: { type: "string" }, url: { type: "string" }, count: { type: "integer", minimum: 1 } },
    required: ["method", "url"],
    additionalProperties: false,
  }),
  effectClass: "EFFECT_CLASS_AT_MOST_ONCE",
  runCostNanoUsd: "410000000",
  createTime: TIME,
  ...more,
});
