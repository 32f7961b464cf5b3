// Work that is handed to teammates: seen from the run that hands it on and from the one that got it, and chosen for a member.
import { screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { beforeEach, expect, test } from "vitest";
import type { Agent } from "~/api/gen/schemas";
import { asksModel, queued, says, started } from "~/features/run-detail/journal/testing";
import { agent, EDGE, gateway, open, playGateway, W, world, writes } from "./app";
import { playLayout, run, watch } from "./run-kit";

playGateway();
beforeEach(playLayout);

const BEGIN = [queued, started, asksModel(), says("I hand it on.")];
const child = (teammate: string) => ({
  run: `${W}/runs/${teammate}`,
  task: `${W}/tasks/${teammate}`,
  teammate,
  title: `Ask ${teammate}`,
  agentVersion: `${W}/agents/${teammate}/versions/1`,
});

test("a run that waits for others leads to each of them and says what came back", async () => {
  world.runs = [run({ state: "RUN_STATE_WAITING", waitReason: "WAIT_REASON_CHILD" })];
  const handed = {
    childrenStarted: { step: 1, callId: "c", children: [child("bob"), child("eve")], wait: "CHILD_WAIT_ALL" },
  };
  const back = {
    childEnded: {
      run: `${W}/runs/bob`,
      state: "RUN_STATE_SUCCEEDED",
      summary: "It is in the archive.",
      costNanoUsd: "4000000",
    },
  };
  const { play, log } = await watch([...BEGIN, handed, back]);
  await play();
  const work = within(await log()).getByRole("list", { name: "Work handed to teammates" });
  const [bob, eve] = within(work).getAllByRole("listitem");
  expect(bob).toHaveTextContent(/bob.*Ask bob.*done.*\$0\.004.*It is in the archive\./);
  expect(eve).toHaveTextContent(/eve.*Ask eve.*at work/);
  expect(within(work).getByRole("link", { name: "Ask bob" })).toHaveAttribute("href", "/runs/bob");
  expect(await log()).toHaveTextContent("1 of 2 back");
  expect(screen.getByRole("region", { name: "What it waits for" })).toHaveTextContent(/^Waits for eve\. It holds no/);
});

test("a run that was handed its work leads to the one that did", async () => {
  world.runs = [run({ parentRun: `${W}/runs/lead` })];
  const { play, log } = await watch([{ queued: { ...queued.queued, parentRun: `${W}/runs/lead` } }, started]);
  await play();
  expect(await screen.findByRole("link", { name: "Handed over" })).toHaveAttribute("href", "/runs/lead");
  const link = within(await log()).getByRole("link", { name: "the run that handed this work over" });
  expect(link).toHaveAttribute("href", "/runs/lead");
});

test("whom a member may hand work to is chosen by name, and needs somebody", async () => {
  const before = agent("ana");
  world.agents = [before, agent("bob", { displayName: "Bob" })];
  gateway.use(
    http.get(`${EDGE}/v1/${W}/agents/ana`, () => HttpResponse.json({ agent: before })),
    writes("patch", `/v1/${W}/agents/ana`, (body: Agent) => HttpResponse.json({ agent: { ...before, ...body } })),
    writes("post", `/v1/${W}/agents/ana:publish`, () =>
      HttpResponse.json({ agentVersion: { name: `${W}/agents/ana/versions/2`, version: 2 } }),
    ),
  );
  const { user } = open("/team/ana");
  const policy = await screen.findByRole("radiogroup", { name: "Hand work to teammates: policy" });
  await user.click(within(policy).getByLabelText("Allow"));
  await user.keyboard("{Control>}{Enter}{/Control}");
  expect(await screen.findByText("Pick at least one team member, or deny it.")).toBeVisible();
  expect(world.written).toHaveLength(0);
  await user.selectOptions(screen.getByLabelText("May hand work to"), `${W}/agents/bob`);
  expect(screen.getByLabelText("Calls Bob")).toHaveValue("bob");
  await user.type(screen.getByLabelText("When to give Bob work"), "Finds things.");
  await user.keyboard("{Control>}{Enter}{/Control}");
  await waitFor(() => expect(world.bodies(`PATCH /v1/${W}/agents/ana`)).toHaveLength(1));
  const [body] = world.bodies(`PATCH /v1/${W}/agents/ana`) as Agent[];
  expect(body?.spec.tools.find(({ tool }) => tool === "delegate")).toMatchObject({
    policy: "TOOL_POLICY_ALLOW",
    teammates: [{ name: "bob", agent: `${W}/agents/bob`, purpose: "Finds things." }],
  });
});
