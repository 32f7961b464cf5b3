// A run that waits for a time: what it waits for, until when, and by which rule it did not have to wait for people.
import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { asksModel, fails, queued, returns, says, started, uses } from "~/features/run-detail/journal/testing";
import { ME, open, playGateway, W, world } from "./app";
import { playLayout, run, watch } from "./run-kit";

playGateway();
beforeEach(playLayout);

const BEGIN = [queued, started, asksModel(), says("I wait for the build.")];
const soon = () => new Date(Date.now() + 4 * 60_000).toISOString();

test("a timer says when it wakes, and for what", async () => {
  const wakeTime = soon();
  world.runs = [run({ state: "RUN_STATE_WAITING", waitReason: "WAIT_REASON_TIMER", wakeTime })];
  const timer = { timerSet: { step: 1, callId: "c", wakeTime, reason: "The nightly build." } };
  const { play, log } = await watch([...BEGIN, timer]);
  await play();
  expect(await log()).toHaveTextContent("waits for a time");
  expect(await log()).toHaveTextContent(/The nightly build\. *Holds nothing meanwhile; wakes in 4 min, (at|on)/);
  const rest = screen.getByRole("region", { name: "What it waits for" });
  expect(rest).toHaveTextContent(/^Wakes in 4 min, (at|on) .*, for: The nightly build\. It holds/);
  expect(screen.getByText("wakes", { exact: false, selector: "header *" })).toHaveTextContent("wakes in 4 min");
});

test("a provider's quota says that nothing is lost, and what would be faster", async () => {
  const wakeTime = soon();
  world.runs = [run({ state: "RUN_STATE_WAITING", waitReason: "WAIT_REASON_QUOTA", wakeTime })];
  const { play } = await watch([
    ...BEGIN,
    asksModel(2),
    fails(2, 1, { error: { reason: "PROVIDER_RATE_LIMITED", message: "Too many." }, retryTime: wakeTime }),
  ]);
  await play();
  const rest = await screen.findByRole("region", { name: "What it waits for" });
  expect(rest).toHaveTextContent(/^Tried again in 4 min/);
  expect(rest).toHaveTextContent("give Ana another model and start the task again");
});

test("a call that a rule allowed says so, with a way to the rule", async () => {
  const allowed = {
    approvedByRule: {
      step: 1,
      callId: "c",
      tool: "http_request",
      argumentsJson: '{"method":"POST","url":"https://a.test/x"}',
      approvalRule: `${W}/approvalRules/r`,
      creator: ME,
    },
  };
  const { play, log } = await watch([...BEGIN, allowed, uses("c"), returns("c")]);
  await play();
  expect(await log()).toHaveTextContent("Allowed by a rule of yours, so nobody was asked.");
  expect(screen.getByRole("link", { name: "a rule of yours" })).toHaveAttribute("href", "/inbox/rules?rule=r");
});

test("a run that may spend no more says what to do, and is not offered to go on from there", async () => {
  world.runs = [run({ state: "RUN_STATE_FAILED" })];
  const error = { reason: "COST_LIMIT_REACHED", message: "The run has cost $5.01, and $5.00 is the most." };
  const { play } = await watch([...BEGIN, { failed: { error } }]);
  await play();
  const end = await screen.findByRole("region", { name: "How it ended" });
  expect(end).toHaveTextContent("It has cost what it may");
  expect(end).toHaveTextContent("Let Ana spend more, pick a cheaper model or split the task");
  expect(within(end).queryByRole("button", { name: "Go on from here" })).toBeNull();
  expect(within(end).getByRole("button", { name: "Run it from the start" })).toBeVisible();
  expect(within(end).getByRole("link", { name: "Change Ana" })).toBeVisible();
});

test("the list of runs says how far off the time is", async () => {
  world.runs = [run({ state: "RUN_STATE_WAITING", waitReason: "WAIT_REASON_TIMER", wakeTime: soon() })];
  open("/runs");
  await waitFor(() =>
    expect(screen.getByRole("link", { name: /waits for a time.*Fix the login.*in 4 min/ })).toBeVisible(),
  );
});
