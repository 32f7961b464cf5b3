// What a person is told before deciding, and the ways to decide beside yes and no: in the call's place, and many at once.
import { screen, waitFor, within } from "@testing-library/react";
import { HttpResponse } from "msw";
import { expect, test } from "vitest";
import type { Decision, InboxItem } from "~/api/gen/schemas";
import { approval, gateway, ME, open, playGateway, problem, W, world, writes } from "./app";

playGateway();

const BATCH = `/v1/${W}/inbox:batchDecide`;
const heading = (id: string) => screen.findByRole("heading", { name: new RegExp(`example.com/${id}$`) });
const box = (id: string) => screen.getByRole("checkbox", { name: new RegExp(`Choose: .*example.com/${id}$`) });
const close = (name: string, decision: Decision) => {
  world.items = world.items.map((item) =>
    item.name === name ? { ...item, state: "INBOX_ITEM_STATE_DECIDED", decision, decider: ME } : item,
  );
  return world.items.find((item) => item.name === name);
};

interface Sent {
  decisions: { name: string; decision: Decision }[];
}

/** The gateway takes several decisions; those that `refusals` names are refused. */
const takesBatch = (refusals: Record<string, object> = {}) =>
  gateway.use(
    writes("post", BATCH, ({ decisions }: Sent) =>
      HttpResponse.json({
        results: decisions.map(({ name, decision }) => {
          const refusal = refusals[name];
          return refusal ? { name, refusal } : { name, inboxItem: close(name, decision) };
        }),
      }),
    ),
  );

const three = () => {
  world.items = ["a", "b", "c"].map((id, index) => approval(id, { createTime: `2026-11-23T09:0${index}:00Z` }));
};

test("an approval says what led to it, what it touches and what it could do", async () => {
  const turns: InboxItem["turns"] = [
    { role: "TURN_ROLE_USER", text: "Refund order 7.", cut: false },
    { role: "TURN_ROLE_ASSISTANT", text: "I look the order up.", cut: false },
    { role: "TURN_ROLE_TOOL", text: "← order 7: 12 EUR", cut: true },
  ];
  world.items = [
    approval("x", { turns, context: "Now I send the refund.", hosts: ["api.example.com", "b.test:8443"] }),
  ];
  const { user } = open("/inbox");
  await heading("x");
  const led = screen.getByRole("region", { name: "What led to this" });
  expect(within(led).getAllByRole("listitem")).toHaveLength(2);
  expect(led).toHaveTextContent("order 7: 12 EUR...");
  expect(led).toHaveTextContent("Now I send the refund.");
  await user.click(within(led).getByRole("button", { name: "Show 2 turns before" }));
  expect(within(led).getAllByRole("listitem")).toHaveLength(4);
  expect(led).toHaveTextContent("Refund order 7.");
  const asked = screen.getByRole("region", { name: "What is asked" });
  expect(asked).toHaveTextContent("Cannot be taken back or repeated by itself.");
  expect(asked).toHaveTextContent("api.example.com, b.test:8443");
  expect(asked).toHaveTextContent("$0.41");
});

test("what changes nothing is said to change nothing", async () => {
  world.items = [approval("x", { readOnly: true })];
  open("/inbox");
  await heading("x");
  expect(screen.getByRole("region", { name: "What is asked" })).toHaveTextContent("Changes nothing.");
});

test("an unknown outcome says what went wrong, with which attempt", async () => {
  world.items = [
    approval("o", {
      kind: "INBOX_ITEM_KIND_OUTCOME",
      attempt: 2,
      doubt: {
        cause: "DOUBT_CAUSE_TIMED_OUT",
        detail: "no answer within 30 s",
        attempt: 2,
        beginTime: "2026-11-23T08:59:00Z",
        noticeTime: "2026-11-23T08:59:30Z",
      },
    }),
  ];
  open("/inbox");
  await screen.findByRole("heading", { name: /Did this happen\?/ });
  const asked = screen.getByRole("region", { name: "What is asked" });
  expect(asked).toHaveTextContent("The call was sent, and no whole answer came in time.");
  expect(asked).toHaveTextContent("no answer within 30 s");
  expect(asked).toHaveTextContent(/Attempt 2, begun .*, noticed/);
});

test("what is overdue is marked in the list and at its side, and is no decision", async () => {
  const dueTime = new Date(Date.now() + 90 * 60_000).toISOString();
  world.items = [approval("x", { overdue: true, escalationCount: 2, dueTime })];
  open("/inbox");
  await heading("x");
  expect(within(screen.getByRole("list", { name: "Inbox" })).getByText("overdue")).toBeVisible();
  expect(screen.getByRole("region", { name: "What is asked" })).toHaveTextContent(
    /Overdue, and told of twice; again in 1 h 30 min\. Nothing is approved or rejected by time\./,
  );
});

test("W answers in the call's place", async () => {
  world.items = [approval("x")];
  gateway.use(
    writes("post", `/v1/${W}/inbox/x:decide`, (body: { decision: Decision }) =>
      HttpResponse.json({ inboxItem: close(`${W}/inbox/x`, body.decision) }),
    ),
  );
  const { user } = open("/inbox");
  await heading("x");
  await user.keyboard("w");
  await user.type(
    await screen.findByLabelText("What should it read instead?"),
    "It was paid{Control>}{Enter}{/Control}",
  );
  await waitFor(() =>
    expect(world.bodies(`POST /v1/${W}/inbox/x:decide`)).toEqual([{ decision: { respond: { text: "It was paid" } } }]),
  );
  expect(await screen.findByText("Answered in its place. Ana goes on.")).toBeVisible();
});

test("several are chosen by X and approved together, in the order of the list, under one key", async () => {
  three();
  takesBatch();
  const { user } = open("/inbox");
  await heading("a");
  await user.keyboard("xj");
  await screen.findByRole("region", { name: "Decide together" });
  await user.keyboard("x");
  expect(box("a")).toBeChecked();
  expect(box("b")).toBeChecked();
  expect(box("c")).not.toBeChecked();
  expect(await screen.findByRole("heading", { name: "2 approvals, decided alike" })).toBeVisible();
  await user.keyboard("a");
  expect(await screen.findByRole("heading", { name: "All 2 were decided" })).toBeVisible();
  expect(world.bodies(`POST ${BATCH}`)).toEqual([
    { decisions: ["a", "b"].map((id) => ({ name: `${W}/inbox/${id}`, decision: { approve: {} } })) },
  ]);
  expect(world.written[0]?.key).toMatch(/^[0-9a-f-]{36}$/);
  await user.keyboard("{Enter}");
  expect(await heading("c")).toBeVisible();
});

test("the fate of each is told: who was first, and that a run had ended", async () => {
  three();
  const decideTime = new Date(Date.now() - 120_000).toISOString();
  takesBatch({
    [`${W}/inbox/a`]: {
      code: 9,
      reason: "ALREADY_DECIDED",
      message: "was decided",
      metadata: { decider: "users/rui", decision: "reject", detail: "Too loud", decide_time: decideTime },
    },
    [`${W}/inbox/c`]: { code: 9, reason: "ITEM_VOID", message: "has ended" },
  });
  const { user } = open("/inbox");
  await heading("a");
  await user.click(screen.getByRole("button", { name: "Choose all" }));
  await user.keyboard("r");
  await user.type(await screen.findByLabelText("Why not?"), "Not today{Control>}{Enter}{/Control}");
  const fates = await screen.findByRole("region", { name: "What became of them" });
  expect(within(fates).getByRole("status")).toHaveTextContent("1 of 3 was decided");
  expect(fates).toHaveTextContent("Somebody else was first, 2 min ago. Rejected: Too loud");
  expect(fates).toHaveTextContent("The run ended first; there is nothing left to decide.");
  expect(fates).toHaveTextContent("Rejected: Not today.");
});

test("a batch whose answer got lost is sent again under the same key", async () => {
  three();
  gateway.use(writes("post", BATCH, () => problem(503, "UNAVAILABLE")));
  const { user } = open("/inbox");
  await heading("a");
  await user.click(screen.getByRole("button", { name: "Choose all" }));
  await user.keyboard("a");
  expect(await screen.findByText("Detail of UNAVAILABLE.")).toBeVisible();
  takesBatch();
  await user.click(screen.getByRole("button", { name: /Approve all 3/ }));
  await screen.findByRole("heading", { name: "All 3 were decided" });
  expect(world.written).toHaveLength(2);
  expect(world.written[0]?.key).toBe(world.written[1]?.key);
});

test("what asks different things is not decided alike", async () => {
  world.items = [
    approval("a"),
    approval("q", { kind: "INBOX_ITEM_KIND_QUESTION", question: "Which?", choices: ["eu", "us"] }),
    approval("p", { kind: "INBOX_ITEM_KIND_QUESTION", question: "And?", choices: ["us", "asia"] }),
  ];
  takesBatch();
  const { user } = open("/inbox");
  await heading("a");
  await user.click(screen.getByRole("button", { name: "Choose all" }));
  expect(screen.queryByRole("button", { name: /Approve/ })).toBeNull();
  await user.click(await screen.findByRole("button", { name: "Only the 2 questions" }));
  // What only one of them offers is not offered for both.
  expect(await screen.findByRole("button", { name: "us" })).toBeVisible();
  expect(screen.queryByRole("button", { name: "eu" })).toBeNull();
  await user.keyboard("1");
  await waitFor(() =>
    expect(world.bodies(`POST ${BATCH}`)).toMatchObject([
      { decisions: [{ decision: { answer: { text: "us" } } }, { decision: { answer: { text: "us" } } }] },
    ]),
  );
});

test("Esc lets go of what is chosen, and looks at one again", async () => {
  three();
  const { user } = open("/inbox");
  await heading("a");
  await user.click(box("b"));
  await screen.findByRole("region", { name: "Decide together" });
  await user.keyboard("{Escape}");
  expect(await heading("a")).toBeVisible();
  expect(box("b")).not.toBeChecked();
});

test("what a run's end has overtaken is kept apart from what people decided", async () => {
  world.items = [approval("v", { state: "INBOX_ITEM_STATE_VOID" }), approval("o")];
  const { user } = open("/inbox");
  await heading("o");
  await user.click(screen.getByRole("button", { name: "Void" }));
  expect(await screen.findByText("The run ended before anybody decided.")).toBeVisible();
  expect(screen.queryByRole("checkbox")).toBeNull();
  expect(screen.queryByRole("button", { name: /Approve/ })).toBeNull();
});
