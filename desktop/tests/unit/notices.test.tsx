// Notices of the operating system: for what is new, with the decision on them, and gone when it was decided.
import { act, screen, waitFor } from "@testing-library/react";
import { HttpResponse } from "msw";
import { expect, test, vi } from "vitest";
import type { Decision } from "~/api/gen/schemas";
import type { Notice, Notifications } from "~/transport/types";
import { approval, gateway, open, playGateway, W, world, writes } from "./app";

playGateway();
// The inbox is read again every five seconds where no socket tells of news, twice in each of these.
vi.setConfig({ testTimeout: 40_000 });

class Desk implements Notifications {
  readonly shown = new Map<string, Notice>();
  choose: (noticeId: string, actionId: string) => void = () => undefined;

  allow = async () => true;
  show = async (notice: Notice) => void this.shown.set(notice.id, notice);
  withdraw = async (id: string) => void this.shown.delete(id);
  onAction(listener: (noticeId: string, actionId: string) => void) {
    this.choose = listener;
    return () => {
      this.choose = () => undefined;
    };
  }
}

const X = `${W}/inbox/x`;

/** The inbox is read; then `x` comes into it. */
async function withNews() {
  world.items = [approval("old")];
  const desk = new Desk();
  const view = open("/tasks", { notifications: desk });
  await screen.findByText(/^1 needs? you$/);
  world.items = [approval("old"), approval("x")];
  await waitFor(() => expect(desk.shown.size).toBe(1), { timeout: 15_000 });
  return { desk, ...view };
}

test("what comes in is shown, what was there is not, and what is decided elsewhere is taken back", async () => {
  const { desk } = await withNews();
  expect(desk.shown.get(X)).toEqual({
    id: X,
    title: "Ana wants to POST https://api.example.com/x",
    body: "Fix the login",
    actions: [{ id: "approve", label: "Approve" }],
  });
  world.items = [approval("old")];
  await waitFor(() => expect(desk.shown.size).toBe(0), { timeout: 15_000 });
});

test("a notice that is opened leads to its item; one that is approved decides it", async () => {
  gateway.use(
    writes("post", `/v1/${X}:decide`, (body: { decision: Decision }) => {
      world.items = [approval("old")];
      return HttpResponse.json({ inboxItem: { ...approval("x"), decision: body.decision } });
    }),
  );
  const { desk } = await withNews();
  act(() => desk.choose(X, "open"));
  await waitFor(() => expect(window.location.search).toBe("?item=x"));
  act(() => desk.choose(X, "approve"));
  await waitFor(() => expect(world.bodies(`POST /v1/${X}:decide`)).toEqual([{ decision: { approve: {} } }]));
  await waitFor(() => expect(desk.shown.size).toBe(0));
});
