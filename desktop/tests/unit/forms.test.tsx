// Writing tasks and team members: what is sent, what is kept, and where what is wrong is said.
import { fireEvent, screen, waitFor } from "@testing-library/react";
import { HttpResponse } from "msw";
import { expect, test } from "vitest";
import type { Agent, Task } from "~/api/gen/schemas";
import { useTaskDrafts } from "~/features/tasks/draft";
import { agent, gateway, open, playGateway, problem, task, W, world, writes } from "./app";

playGateway();

test("a task is made and started with Ctrl+Enter, and its run is opened", async () => {
  world.agents = [agent("sim")];
  gateway.use(
    writes("post", `/v1/${W}/tasks`, (body: Task) => HttpResponse.json({ task: { ...task("t"), ...body } })),
    writes("post", `/v1/${W}/tasks/t:start`, () => HttpResponse.json({ run: { name: `${W}/runs/r`, title: "Do it" } })),
  );
  const { user } = open("/tasks/new");
  await user.type(await screen.findByLabelText("What is to be done?"), "Do it");
  await waitFor(() => expect(screen.getByLabelText("Assignee")).toHaveValue(`${W}/agents/sim`));
  await user.click(screen.getByRole("button", { name: "Add a check" }));
  await user.type(screen.getByLabelText("Check 1"), "It is done");
  await user.keyboard("{Control>}{Enter}{/Control}");
  await waitFor(() => expect(window.location.pathname).toBe("/runs/r"));
  expect(world.bodies(`POST /v1/${W}/tasks`)).toEqual([
    { title: "Do it", brief: "", assignee: `${W}/agents/sim`, acceptanceChecks: ["It is done"] },
  ]);
  const [made, started] = world.written.map((each) => each.key);
  expect(started).toBe(`${made}-start`);
});

test("what is written survives leaving, and is gone once it is sent", async () => {
  world.agents = [agent("sim")];
  const first = open("/tasks/new");
  await first.user.type(await screen.findByLabelText("What is to be done?"), "Half a tho");
  first.unmount();
  const second = open("/tasks/new");
  expect(await screen.findByLabelText("What is to be done?")).toHaveValue("Half a tho");
  gateway.use(writes("post", `/v1/${W}/tasks`, (body: Task) => HttpResponse.json({ task: { ...task("t"), ...body } })));
  await second.user.click(screen.getByLabelText("Not yet"));
  await second.user.click(screen.getByRole("button", { name: "Put it on the board" }));
  await waitFor(() => expect(window.location.pathname).toBe("/tasks"));
  second.unmount();
  open("/tasks/new");
  expect(await screen.findByLabelText("What is to be done?")).toHaveValue("");
});

test("sending the same task again after a lost answer uses the same key; a changed one gets another", async () => {
  world.agents = [agent("sim")];
  gateway.use(writes("post", `/v1/${W}/tasks`, () => problem(503, "UNAVAILABLE")));
  const { user } = open("/tasks/new");
  const title = await screen.findByLabelText("What is to be done?");
  await user.type(title, "Once");
  await waitFor(() => expect(screen.getByLabelText("Assignee")).toHaveValue(`${W}/agents/sim`));
  const send = screen.getByRole("button", { name: "Start" });
  await user.click(send);
  await waitFor(() => expect(world.written).toHaveLength(1));
  await screen.findByText("Detail of UNAVAILABLE.");
  await user.click(screen.getByRole("button", { name: "Start" }));
  await waitFor(() => expect(world.written).toHaveLength(2));
  await user.type(title, " more");
  await user.click(screen.getByRole("button", { name: "Start" }));
  await waitFor(() => expect(world.written).toHaveLength(3));
  const [first, again, changed] = world.written.map((each) => each.key);
  expect(again).toBe(first);
  expect(changed).not.toBe(first);
});

test("violations of the gateway land at their fields", async () => {
  world.agents = [agent("sim")];
  gateway.use(
    writes("post", `/v1/${W}/tasks`, () =>
      problem(400, "INVALID_FIELD", { violations: [{ field: "task.title", description: "must be one line" }] }),
    ),
  );
  const { user } = open("/tasks/new");
  const title = await screen.findByLabelText("What is to be done?");
  await user.type(title, "Do it");
  await waitFor(() => expect(screen.getByLabelText("Assignee")).toHaveValue(`${W}/agents/sim`));
  await user.click(screen.getByRole("button", { name: "Start" }));
  expect(await screen.findByText("Must be one line.")).toBeVisible();
  expect(title).toBeInvalid();
  expect(title).toHaveFocus();
});

test("a title is asked for before anything is sent", async () => {
  world.agents = [agent("sim")];
  const { user } = open("/tasks/new");
  await user.click(await screen.findByRole("button", { name: "Start" }));
  expect(await screen.findByText("Say in one line what is to be done.")).toBeVisible();
  expect(world.written).toHaveLength(0);
});

test("a newcomer adds the simulator in place, and it is the assignee", async () => {
  gateway.use(
    writes("post", `/v1/${W}/agents`, (body: Agent) => {
      const made = { ...agent("sim"), ...body };
      world.agents = [made];
      return HttpResponse.json({ agent: made });
    }),
    writes("post", `/v1/${W}/agents/sim:publish`, () =>
      HttpResponse.json({ agentVersion: { name: `${W}/agents/sim/versions/1`, version: 1 } }),
    ),
  );
  const { user } = open("/tasks/new");
  await user.click(await screen.findByRole("button", { name: "Add the simulator" }));
  await waitFor(() => expect(screen.getByLabelText("Assignee")).toHaveValue(`${W}/agents/sim`));
  expect(world.bodies(`POST /v1/${W}/agents`)).toMatchObject([
    { displayName: "Sim", spec: { model: "simulator/demo" } },
  ]);
});

test("a member is changed against the etag that was read, and published", async () => {
  const before = agent("ana", {
    spec: {
      instructions: "Be kind.",
      model: "simulator/demo",
      tools: [
        {
          tool: "teleport",
          policy: "TOOL_POLICY_ASK",
          allowedHosts: [],
          effect: "REQUEST_EFFECT_UNSPECIFIED",
          queryUrl: "",
          teammates: [],
        },
      ],
      parameters: { temperature: 0.2 },
    },
  });
  world.agents = [before];
  const { http } = await import("msw");
  gateway.use(
    http.get(`http://edge.test/v1/${W}/agents/ana`, () => HttpResponse.json({ agent: before })),
    writes("patch", `/v1/${W}/agents/ana`, (body: Agent) => HttpResponse.json({ agent: { ...before, ...body } })),
    writes("post", `/v1/${W}/agents/ana:publish`, () =>
      HttpResponse.json({ agentVersion: { name: `${W}/agents/ana/versions/2`, version: 2 } }),
    ),
  );
  const { user } = open("/team/ana");
  await user.type(await screen.findByLabelText("Role"), "Editor");
  await user.click(screen.getByRole("button", { name: /Publish v2/ }));
  await waitFor(() => expect(window.location.pathname).toBe("/team"));
  const [saved] = world.written;
  expect(saved?.ifMatch).toBe("etag-ana");
  // What the form does not show stays: parameters, and a tool that this build does not know.
  expect(saved?.body).toMatchObject({
    role: "Editor",
    spec: { parameters: { temperature: 0.2 }, tools: [{ tool: "teleport", policy: "TOOL_POLICY_ASK" }] },
  });
});

test("a violation about a tool's hosts lands at that tool, whatever else is denied", async () => {
  gateway.use(
    writes("post", `/v1/${W}/agents`, () =>
      problem(400, "INVALID_FIELD", {
        violations: [{ field: "agent.spec.tools[3].allowed_hosts[0]", description: '"http://x" is no host' }],
      }),
    ),
  );
  const { user } = open("/team/new");
  await user.type(await screen.findByLabelText("Name"), "Ana");
  await user.type(screen.getByLabelText("Instructions"), "Fetch.");
  await waitFor(() => expect(screen.getByRole("option", { name: "simulator/demo" })).toBeInTheDocument());
  await user.selectOptions(screen.getByLabelText("Model"), "simulator/demo");
  const policies = screen.getByRole("radiogroup", { name: "Read from the web: policy" });
  await user.click(policies.querySelector("input") as HTMLInputElement);
  const hosts = await screen.findByLabelText("Hosts it may reach");
  await user.type(hosts, "http://x");
  await user.click(screen.getByRole("button", { name: "Add to the team" }));
  expect(await screen.findByText('"http://x" is no host.')).toBeVisible();
  expect(hosts).toBeInvalid();
});

test("a task that starts later is sent with the moment of its zone's clock", async () => {
  world.agents = [agent("sim")];
  gateway.use(
    writes("post", `/v1/${W}/tasks`, (body: Task) => HttpResponse.json({ task: { ...task("t"), ...body } })),
    writes("post", `/v1/${W}/tasks/t:start`, () => HttpResponse.json({ run: { name: `${W}/runs/r`, title: "Do it" } })),
  );
  const { user } = open("/tasks/new");
  await user.type(await screen.findByLabelText("What is to be done?"), "Do it");
  await waitFor(() => expect(screen.getByLabelText("Assignee")).toHaveValue(`${W}/agents/sim`));
  await user.click(screen.getByRole("radio", { name: "Later" }));
  const at = await screen.findByLabelText("Start at");
  await waitFor(() => expect(at).not.toHaveValue(""));
  const zone = screen.getByLabelText("Time zone");
  await user.clear(zone);
  await user.type(zone, "Europe/Berlin");
  fireEvent.change(at, { target: { value: "2020-01-01T09:00" } });
  await user.click(screen.getByRole("button", { name: "Start it then" }));
  expect(await screen.findByText("That is over already.")).toBeVisible();
  expect(world.written).toHaveLength(0);
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
  fireEvent.change(at, { target: { value: `${tomorrow}T09:00` } });
  await user.click(screen.getByRole("button", { name: "Start it then" }));
  await waitFor(() => expect(window.location.pathname).toBe("/runs/r"));
  const [{ startTime }] = world.bodies(`POST /v1/${W}/tasks/t:start`) as [{ startTime: string }];
  expect(startTime).toMatch(new RegExp(`^${tomorrow}T0[78]:00:00.000Z$`));
});

test("a draft that was kept before there was a later keeps what it said", async () => {
  const draft = { title: "Old", brief: "", assignee: "", checks: [], startNow: false };
  const state = { drafts: { [W]: { draft, requestId: "k" } } };
  localStorage.setItem("mc.taskDrafts", JSON.stringify({ state, version: 1 }));
  await useTaskDrafts.persist.rehydrate();
  open("/tasks/new");
  expect(await screen.findByLabelText("What is to be done?")).toHaveValue("Old");
  expect(screen.getByRole("radio", { name: "Not yet" })).toBeChecked();
});
