// Saying something to a run, stopping its model call, and letting it go on after a failure.
import { screen, waitFor, within } from "@testing-library/react";
import { HttpResponse } from "msw";
import { beforeEach, expect, test } from "vitest";
import { asksModel, fails, orders, queued, says, started } from "~/features/run-detail/journal/testing";
import { useSteerDrafts } from "~/features/run-detail/steer-drafts";
import { gateway, ME, playGateway, problem, world, writes } from "./app";
import { playLayout, RUN, run, watch } from "./run-kit";

playGateway();
beforeEach(() => {
  playLayout();
  useSteerDrafts.setState({ drafts: {} });
});

const BEGIN = [queued, started, asksModel()];
const WORDS = "Leave out the appendix.";
const box = () => screen.findByRole("textbox", { name: "Say something to Ana" });
const sent = (order: string) => world.bodies(`POST /v1/${RUN}:${order}`);
const takes = (order: string) =>
  gateway.use(
    writes("post", `/v1/${RUN}:${order}`, () => HttpResponse.json({ command: { name: `${RUN}/commands/1` } })),
  );

test("S, words and Enter: the agent is told, once, and the box is free again", async () => {
  takes("steer");
  const { user, play } = await watch(BEGIN);
  await play();
  await user.keyboard("s");
  expect(await box()).toHaveFocus();
  await user.keyboard(`${WORDS}{Shift>}{Enter}{/Shift}Please.{Enter}`);
  await waitFor(() => expect(sent("steer")).toEqual([{ text: `${WORDS}\nPlease.` }]));
  await waitFor(async () => expect(await box()).toHaveValue(""));
});

test("Ctrl and Enter break in", async () => {
  takes("steer");
  const { user, play } = await watch(BEGIN);
  await play();
  await user.type(await box(), WORDS);
  expect(screen.getByText(/Breaking in stops the model call/)).toBeVisible();
  await user.keyboard("{Control>}{Enter}{/Control}");
  await waitFor(() => expect(sent("steer")).toEqual([{ text: WORDS, interrupt: true }]));
});

test("what did not arrive stays, and goes out again under the same key", async () => {
  const keys: (string | null)[] = [];
  let away = true;
  gateway.use(
    writes("post", `/v1/${RUN}:steer`, (_body, request) => {
      keys.push(request.headers.get("idempotency-key"));
      return away
        ? problem(503, "DATABASE_UNAVAILABLE", { detail: "The database is away." })
        : HttpResponse.json({ command: { name: `${RUN}/commands/1` } });
    }),
  );
  const { user, play } = await watch(BEGIN);
  await play();
  await user.type(await box(), WORDS);
  await user.click(screen.getByRole("button", { name: /^Send/ }));
  expect(await screen.findByText("The database is away.")).toBeVisible();
  expect(await box()).toHaveValue(WORDS);
  away = false;
  await user.click(screen.getByRole("button", { name: /^Send/ }));
  await waitFor(async () => expect(await box()).toHaveValue(""));
  expect(keys).toHaveLength(2);
  expect(keys[0]).toBe(keys[1]);
});

test("more than 16 KiB is refused before it is sent", async () => {
  const { user, play } = await watch(BEGIN);
  await play();
  await user.click(await box());
  await user.paste(`${"a".repeat(16_383)}é`);
  expect(await screen.findByRole("alert")).toHaveTextContent("1 byte too long");
  expect(screen.getByRole("button", { name: /^Send/ })).toBeDisabled();
});

test("a message is a row with its words and its receipt, and a call that it stopped did not fail", async () => {
  const steer = orders(`${RUN}/commands/1`, "STEER", { text: WORDS, interrupt: true });
  const stopped = fails(1, 1, { error: { reason: "RUN_STEERED", message: "A person broke in." }, maybeBilled: true });
  const { play, log } = await watch([
    ...BEGIN,
    steer,
    stopped,
    { steered: { command: `${RUN}/commands/1`, requester: ME, text: WORDS } },
    asksModel(1, 2),
  ]);
  await play();
  const journal = await log();
  expect(journal).toHaveTextContent("You broke in");
  expect(journal).toHaveTextContent(WORDS);
  expect(within(journal).getByRole("list", { name: "Receipt" })).toHaveTextContent(/requested.*delivered.*read/);
  expect(journal).toHaveTextContent("stopped");
  expect(journal).not.toHaveTextContent("failed");
});

test("while it pauses, the model call can be stopped at once", async () => {
  takes("pause");
  world.runs = [run({ pendingCommand: "COMMAND_KIND_PAUSE" })];
  const { user, play } = await watch(BEGIN);
  await play();
  await user.click(await screen.findByRole("button", { name: "Pause now" }));
  await waitFor(() => expect(sent("pause")).toEqual([{ interrupt: true }]));
});

test("a failed run goes on from where it failed, and its journal is followed again", async () => {
  takes("retry");
  world.runs = [run({ state: "RUN_STATE_FAILED", endTime: "2026-11-23T09:01:00Z" })];
  const failed = { failed: { error: { reason: "PROVIDER_UNAVAILABLE", message: "The provider is away." } } };
  const retried = { retried: { command: `${RUN}/commands/1`, requester: ME, requestTime: "2026-11-23T09:02:00Z" } };
  const { user, play, socket, log } = await watch([...BEGIN, failed, retried, asksModel(1, 2), says("Well.", 1, 2)]);
  await play(4);
  socket.receive({ type: "end", topic: RUN, cursor: "4" });
  expect(screen.queryByRole("textbox", { name: "Say something to Ana" })).not.toBeInTheDocument();
  const subscriptions = () => socket.of("subscribe").filter((frame) => frame.topic === RUN);
  await user.click(await screen.findByRole("button", { name: "Go on from here" }));
  world.runs = [run({ state: "RUN_STATE_QUEUED" })];
  await waitFor(() => expect(sent("retry")).toEqual([{}]));
  await waitFor(() => expect(subscriptions()).toHaveLength(2));
  expect(subscriptions()[1]?.cursor).toBe("4");
  socket.receive({ type: "ack", id: String(subscriptions()[1]?.id) });
  await play();
  expect(await log()).toHaveTextContent("Well.");
  expect(screen.queryByRole("button", { name: "Go on from here" })).not.toBeInTheDocument();
});
