// The run view, as a person works with it: reading along, deciding in place, going through it by keys.
import { act, screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { beforeEach, expect, test } from "vitest";
import type { Decision } from "~/api/gen/schemas";
import {
  asks,
  asksModel,
  decides,
  fails,
  orders,
  queued,
  recorded,
  returns,
  says,
  started,
  succeeded,
  takenOver,
  unsure,
  uses,
} from "~/features/run-detail/journal/testing";
import { approval, EDGE, gateway, ME, open, playGateway, W, world, writes } from "./app";
import { playLayout, RUN, run, watch } from "./run-kit";

playGateway();

beforeEach(playLayout);

const BEGIN = [queued, started, asksModel()];
const WAITS = [...BEGIN, says("I will post it."), asks("c")];

/** The gateway takes decisions about the item `c`. */
const takesDecisions = () =>
  gateway.use(
    writes("post", `/v1/${W}/inbox/c:decide`, (body: { decision: Decision }) => {
      const decided = { state: "INBOX_ITEM_STATE_DECIDED", decision: body.decision, decider: ME } as const;
      world.items = world.items.map((item) => ({ ...item, ...decided }));
      return HttpResponse.json({ inboxItem: world.items[0] });
    }),
  );

const decisions = () => world.bodies(`POST /v1/${W}/inbox/c:decide`);
const dock = () => screen.findByRole("region", { name: "What is asked" });

test("a model's words appear as they come, and are replaced by what the journal has", async () => {
  const { socket, play, log } = await watch([...BEGIN, says("Hello **world**.")]);
  await play(3);
  expect(await log()).toHaveTextContent("Waiting for the model");
  const at = { topic: RUN, step: 1, attempt: 1 };
  await act(async () => {
    socket.receive({ type: "partial", ...at, kind: "thinking", offset: 0, text: "Who is there?" });
    await new Promise((resolve) => setTimeout(resolve, 60));
  });
  expect(await log()).toHaveTextContent("Who is there?");
  await act(async () => {
    socket.receive({ type: "partial", ...at, kind: "text", offset: 0, text: "Hel" });
    socket.receive({ type: "delta", ...at, kind: "text", offset: 3, text: "lo" });
    await new Promise((resolve) => setTimeout(resolve, 60));
  });
  expect(await log()).toHaveTextContent("Hello");
  await play();
  expect((await within(await log()).findByText("world")).tagName).toBe("STRONG");
  expect(await log()).toHaveTextContent("750 in 30 out");
  expect(await log()).toHaveTextContent("$0.00051");
  expect(await log()).toHaveTextContent("1.2 s");
});

test("HTML of a model is never a part of the page, and pictures are not fetched", async () => {
  const { play, log } = await watch([
    ...BEGIN,
    says(
      'Before <img src="https://evil.test/a.png" onerror="alert(1)"> after. ![x](https://evil.test/b.png) [go](javascript:alert(1))',
    ),
  ]);
  await play();
  await waitFor(async () => expect(await log()).toHaveTextContent("Before after."));
  expect((await log()).querySelector("img, script")).toBeNull();
  expect(within(await log()).getByText("picture: x")).toHaveAttribute("href", "https://evil.test/b.png");
  expect(within(await log()).getByText("go")).not.toHaveAttribute("href", expect.stringContaining("javascript"));
});

test("A approves what is asked in the run itself", async () => {
  world.items = [approval("c")];
  takesDecisions();
  const { user, play } = await watch(WAITS);
  await play();
  expect(
    await within(await dock()).findByRole("heading", { name: /Ana wants to POST https:\/\/api.example.com\/c/ }),
  ).toBeVisible();
  await within(await dock()).findByRole("button", { name: "Approve" });
  await user.keyboard("a");
  await waitFor(() => expect(decisions()).toEqual([{ decision: { approve: {} } }]));
  expect(await within(await dock()).findByText(/Approved\. A worker is about to take it up/)).toBeVisible();
});

test("E edits the arguments, held to the tool's schema, and R rejects with a reason", async () => {
  world.items = [approval("c")];
  takesDecisions();
  const { user, play } = await watch(WAITS);
  await play();
  await within(await dock()).findByRole("button", { name: "Approve" });
  await user.keyboard("e");
  await user.click(await screen.findByRole("button", { name: "As JSON" }));
  const editor = await screen.findByLabelText("Arguments");
  await user.clear(editor);
  await user.type(editor, '{{"method":"POST","url":"u","count":0}');
  expect(screen.getByRole("button", { name: "Approve with these" })).toBeDisabled();
  await user.keyboard("{Escape}");
  await within(await dock()).findByRole("button", { name: "Reject" });
  await user.keyboard("r");
  await user.type(await screen.findByLabelText("Why not?"), "Too risky{Control>}{Enter}{/Control}");
  await waitFor(() => expect(decisions()).toEqual([{ decision: { reject: { reason: "Too risky" } } }]));
});

test("of several that wait, the one that is looked at is the one that is decided", async () => {
  world.items = [approval("c"), approval("d")];
  const { user, play } = await watch([...WAITS, asks("d")]);
  await play();
  expect(await within(await dock()).findByRole("heading", { name: /example.com\/c/ })).toBeVisible();
  expect(await dock()).toHaveTextContent("1 of 2");
  await user.click(within(await dock()).getByRole("button", { name: "The next one" }));
  expect(await within(await dock()).findByRole("heading", { name: /example.com\/d/ })).toBeVisible();
  await user.keyboard("k");
  expect(await within(await dock()).findByRole("heading", { name: /example.com\/c/ })).toBeVisible();
});

test("what was decided stays in its place, and nothing is pinned any more", async () => {
  world.items = [approval("c")];
  const { play, log } = await watch([
    ...WAITS,
    decides("c", { approve: { argumentsJson: "{}" } }),
    uses("c", { argumentsJson: "{}" }),
    returns("c", "HTTP 201"),
  ]);
  await play();
  expect(await log()).toHaveTextContent("Approved with changed arguments, by you after 9 min 56 s");
  expect(await log()).toHaveTextContent("arguments changed");
  expect(await log()).toHaveTextContent("HTTP 201");
  expect(screen.queryByRole("region", { name: "What is asked" })).toBeNull();
});

test("J and K go through the entries, Enter opens, V shows the records", async () => {
  gateway.use(
    http.get(`${EDGE}/v1/${RUN}/events`, ({ request }) => {
      const after = Number(new URL(request.url).searchParams.get("afterSeq"));
      return HttpResponse.json({ events: recorded(kinds).slice(after, after + 1) });
    }),
  );
  const kinds = [...BEGIN, says("I will."), uses("c"), returns("c", "HTTP 200"), asksModel(2)];
  const { user, play, log } = await watch(kinds);
  await play();
  const journal = await log();
  await within(journal).findByRole("listitem", { name: "Step 2, running" });
  await user.keyboard("k");
  await waitFor(() => expect(within(journal).getByRole("listitem", { name: "Step 2, running" })).toHaveFocus());
  await user.keyboard("k");
  const call = within(await log()).getByRole("listitem", { name: /POST https:\/\/a\.test/ });
  await waitFor(() => expect(call).toHaveFocus());
  expect(within(call).queryByText("Result")).toBeNull();
  await user.keyboard("{Enter}");
  expect(await within(call).findByText("Result")).toBeVisible();
  expect(within(call).getByText("Cannot be taken back or repeated by itself.")).toBeVisible();
  await user.keyboard("v");
  const dialog = await screen.findByRole("dialog", { name: "Records 5, 6" });
  expect(await within(dialog).findByText('"toolCallCompleted"')).toBeVisible();
  await user.keyboard("{Escape}");
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  await user.keyboard("{Enter}");
  await waitFor(() => expect(within(call).queryByText("Result")).toBeNull());
});

test("a lost worker, a charge that came twice and an outcome that nobody knows are told in words", async () => {
  world.items = [approval("c-1", { kind: "INBOX_ITEM_KIND_OUTCOME", attempt: 1 })];
  const cut = { maybeBilled: true, costNanoUsd: "260000", costEstimated: true, retryTime: "2026-11-23T09:00:05Z" };
  const { play, log } = await watch([
    ...BEGIN,
    fails(1, 1, cut),
    asksModel(1, 2),
    says("I will.", 1, 2),
    uses("c"),
    takenOver(),
    unsure("c"),
  ]);
  await play();
  const journal = await log();
  expect(journal).toHaveTextContent(
    "The answer was cut after it had begun, so it is paid for: ~$0.00026, our estimate.",
  );
  expect(journal).toHaveTextContent("second charge");
  expect(journal).toHaveTextContent("Worker lost, taken over after 1.0 s");
  expect(journal).toHaveTextContent("outcome unknown");
  expect(await within(await dock()).findByRole("button", { name: "It happened" })).toBeVisible();
});

test("an order that no worker has read is shown as requested, and then by its receipt", async () => {
  world.commands = [
    {
      name: `${RUN}/commands/p`,
      kind: "COMMAND_KIND_PAUSE",
      state: "COMMAND_STATE_REQUESTED",
      requester: ME,
      requestTime: "2026-11-23T09:00:03Z",
    },
  ];
  const command = `${RUN}/commands/p`;
  const { play, log } = await watch([...BEGIN, orders(command, "PAUSE"), says("Hello."), { paused: { command } }]);
  await play(3);
  await waitFor(async () => expect(await log()).toHaveTextContent("not delivered yet"));
  expect(await log()).toHaveTextContent("Pausing...");
  await play(4);
  expect(await log()).toHaveTextContent("not paused yet");
  expect(within(await log()).getAllByText("Pausing...")).toHaveLength(1);
  await play();
  expect(await log()).not.toHaveTextContent("Pausing...");
  expect(screen.getByText("Paused.", { selector: "[role=status]" })).toBeInTheDocument();
});

test("the answer stands at the end with what shows it, and is told to those who listen", async () => {
  const { socket, play, log } = await watch([...BEGIN, says("Done."), succeeded("Wrote **report.md**.")]);
  await play();
  await act(async () => {
    socket.receive({ type: "end", topic: RUN, cursor: "5" });
    await new Promise((resolve) => setTimeout(resolve, 60));
  });
  const end = within(await log()).getByRole("region", { name: "How it ended" });
  expect(end).toHaveTextContent("Wrote report.md.");
  expect(within(end).getByText("artifact:report.md")).toBeVisible();
  expect(within(end).getByRole("button", { name: "Copy the answer" })).toBeVisible();
  expect(screen.getByText("Done. Wrote **report.md**.", { selector: "[role=status]" })).toBeInTheDocument();
});

test("a failure says what to do about it", async () => {
  world.runs = [run({ state: "RUN_STATE_FAILED", endTime: "2026-11-23T09:01:00Z" })];
  const error = {
    reason: "STEP_LIMIT_REACHED",
    message: "The run has made its 20 model calls. Raise the agent's max_steps.",
  };
  const { play, log } = await watch([...BEGIN, says("Hm."), { failed: { error } }]);
  await play();
  const end = within(await log()).getByRole("region", { name: "How it ended" });
  expect(within(end).getByRole("heading", { name: "It has used up its model calls" })).toBeVisible();
  expect(end).toHaveTextContent("Raise the agent's max_steps.");
  expect(within(end).getByRole("link", { name: "Change Ana" })).toHaveAttribute("href", "/team/a");
  expect(within(end).getByRole("button", { name: "Run it from the start" })).toBeVisible();
  expect(within(end).queryByRole("button", { name: "Go on from here" })).not.toBeInTheDocument();
});

test("of a long journal only what is in view is in the page", async () => {
  const { play, log } = await watch([
    queued,
    started,
    ...Array.from({ length: 400 }, (_, step) => [
      asksModel(step + 1),
      says(`Step ${step + 1} it is.`, step + 1),
    ]).flat(),
  ]);
  await play();
  const journal = await log();
  const rows = () => within(journal).getAllByRole("listitem");
  await waitFor(() => expect(rows()[0]).toHaveAttribute("aria-setsize", "402"));
  expect(rows().length).toBeLessThan(80);
});

test("a run that is not there says so and offers a way out", async () => {
  world.runs = [];
  open("/runs/r");
  expect(await screen.findByRole("alert")).toHaveTextContent("Detail of NOT_FOUND.");
  expect(screen.getByRole("link", { name: "All runs" })).toHaveAttribute("href", "/runs");
});
