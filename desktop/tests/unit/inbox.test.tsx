// Deciding, as a person does it: mostly by keys.
import { screen, waitFor, within } from "@testing-library/react";
import { HttpResponse } from "msw";
import { expect, test } from "vitest";
import type { Decision } from "~/api/gen/schemas";
import { approval, gateway, ME, open, playGateway, problem, W, world, writes } from "./app";

playGateway();

const decided = (id: string, decision: Decision, decider = ME) => {
  world.items = world.items.map((item) =>
    item.name === `${W}/inbox/${id}`
      ? { ...item, state: "INBOX_ITEM_STATE_DECIDED", decision, decider, closeTime: new Date().toISOString() }
      : item,
  );
  return world.items.find((item) => item.name === `${W}/inbox/${id}`);
};

/** The gateway takes decisions about `id`. */
const takes = (id: string) =>
  gateway.use(
    writes("post", `/v1/${W}/inbox/${id}:decide`, (body: { decision: Decision }) =>
      HttpResponse.json({ inboxItem: decided(id, body.decision) }),
    ),
  );

const rows = () => within(screen.getByRole("list", { name: "Inbox" })).queryAllByRole("link");

test("A approves what has waited longest, and the next one is looked at", async () => {
  world.items = [approval("new", { createTime: "2026-11-23T09:05:00Z" }), approval("old")];
  takes("old");
  const { user } = open("/inbox");
  expect(await screen.findByRole("heading", { name: /POST https:\/\/api.example.com\/old/ })).toBeVisible();
  expect(rows()).toHaveLength(2);
  await user.keyboard("a");
  expect(await screen.findByRole("heading", { name: /api.example.com\/new/ })).toBeVisible();
  await waitFor(() => expect(rows()).toHaveLength(1));
  expect(world.bodies(`POST /v1/${W}/inbox/old:decide`)).toEqual([{ decision: { approve: {} } }]);
  expect(world.written[0]?.key).toMatch(/^[0-9a-f-]{36}$/);
});

test("J and K move through the list, and the peek follows", async () => {
  world.items = [approval("b", { createTime: "2026-11-23T09:05:00Z" }), approval("a")];
  const { user } = open("/inbox");
  await screen.findByRole("heading", { name: /example.com\/a/ });
  await user.keyboard("j");
  expect(await screen.findByRole("heading", { name: /example.com\/b/ })).toBeVisible();
  await user.keyboard("k");
  expect(await screen.findByRole("heading", { name: /example.com\/a/ })).toBeVisible();
});

test("rejecting asks for a reason and sends it", async () => {
  world.items = [approval("x")];
  takes("x");
  const { user } = open("/inbox");
  await screen.findByRole("heading", { name: /example.com\/x/ });
  await user.keyboard("r");
  await user.click(await screen.findByRole("button", { name: "Reject" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("Write a few words.");
  await user.type(screen.getByLabelText("Why not?"), "Too risky{Control>}{Enter}{/Control}");
  await waitFor(() =>
    expect(world.bodies(`POST /v1/${W}/inbox/x:decide`)).toEqual([{ decision: { reject: { reason: "Too risky" } } }]),
  );
});

test("edited arguments are held to JSON and to the tool's schema before they are sent", async () => {
  world.items = [approval("x")];
  takes("x");
  const { user } = open("/inbox");
  await screen.findByRole("heading", { name: /example.com\/x/ });
  await user.keyboard("e");
  await user.click(await screen.findByRole("button", { name: "As JSON" }));
  const editor = await screen.findByLabelText("Arguments");
  const submit = screen.getByRole("button", { name: "Approve with these" });

  await user.clear(editor);
  await user.type(editor, "{{oops");
  expect(screen.getByRole("alert")).toHaveTextContent("This is not JSON");
  expect(submit).toBeDisabled();

  await user.clear(editor);
  await user.type(editor, '{{"method":"POST","url":"u","count":0}');
  expect(screen.getByRole("alert")).toHaveTextContent("count:");
  expect(submit).toBeDisabled();

  await user.clear(editor);
  await user.type(editor, '{{"method":"POST","url":"u","count":2}');
  expect(screen.queryByRole("alert")).toBeNull();
  await user.click(submit);
  await waitFor(() =>
    expect(world.bodies(`POST /v1/${W}/inbox/x:decide`)).toEqual([
      { decision: { approve: { argumentsJson: '{"method":"POST","url":"u","count":2}' } } },
    ]),
  );
});

test("a decision that somebody else took first is told with who and what, and nothing is put back", async () => {
  world.items = [approval("x")];
  gateway.use(
    writes("post", `/v1/${W}/inbox/x:decide`, () => {
      decided("x", { reject: { reason: "Not today" } }, "users/rui");
      return problem(409, "ALREADY_DECIDED");
    }),
  );
  const { user } = open("/inbox");
  await screen.findByRole("heading", { name: /example.com\/x/ });
  await user.keyboard("a");
  expect(
    await screen.findByText(/Yours came second and does not count. Rejected: Not today, by somebody else, just now/),
  ).toBeVisible();
  await waitFor(() => expect(screen.queryAllByRole("heading", { name: /example.com\/x/ })).toHaveLength(0));
});

test("a decision that the gateway refuses comes back into the list with the reason", async () => {
  world.items = [approval("x")];
  gateway.use(writes("post", `/v1/${W}/inbox/x:decide`, () => problem(503, "UNAVAILABLE")));
  const { user } = open("/inbox");
  await screen.findByRole("heading", { name: /example.com\/x/ });
  await user.keyboard("a");
  expect(await screen.findByText("Not decided: Detail of UNAVAILABLE.")).toBeVisible();
  await waitFor(() => expect(rows()).toHaveLength(1));
});

test("a question is answered with one of its choices by number", async () => {
  world.items = [
    approval("q", { kind: "INBOX_ITEM_KIND_QUESTION", question: "Which region?", choices: ["eu-west", "us-east"] }),
  ];
  takes("q");
  const { user } = open("/inbox");
  await screen.findByRole("heading", { name: /Ana asks: Which region\?/ });
  await user.keyboard("2");
  await waitFor(() =>
    expect(world.bodies(`POST /v1/${W}/inbox/q:decide`)).toEqual([{ decision: { answer: { text: "us-east" } } }]),
  );
});

test("an unknown outcome can be marked as done with what came out", async () => {
  world.items = [approval("o", { kind: "INBOX_ITEM_KIND_OUTCOME", attempt: 1 })];
  takes("o");
  const { user } = open("/inbox");
  await screen.findByRole("heading", { name: /Did this happen\?/ });
  await user.keyboard("d");
  await user.type(
    await screen.findByLabelText("What came out of it?"),
    "Refund 42 was made{Control>}{Enter}{/Control}",
  );
  await waitFor(() =>
    expect(world.bodies(`POST /v1/${W}/inbox/o:decide`)).toEqual([
      { decision: { markDone: { result: "Refund 42 was made" } } },
    ]),
  );
});

test("an item of a kind that this build does not know is shown as such", async () => {
  world.items = [approval("n", { kind: "INBOX_ITEM_KIND_BUDGET" })];
  open("/inbox");
  expect(
    await screen.findByRole("heading", { name: /Ana needs you in a way that this version does not know/ }),
  ).toBeVisible();
  expect(screen.queryByRole("button", { name: /Approve/ })).toBeNull();
});

test("an empty inbox of a newcomer teaches the first step", async () => {
  open("/inbox");
  expect(await screen.findByRole("link", { name: /Write the first task/ })).toHaveAttribute("href", "/tasks/new");
});
