// Lists that follow the workspace: what the edge's frames make them read again.
import { act, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import type { PlayedSocket } from "~/transport/browser/testing";
import { open, playGateway, task, W, world } from "./app";

playGateway();

const following = (socket: PlayedSocket) => socket.of("subscribe").filter((frame) => frame.topic === W);

/** Opens the list of tasks over a connection whose edge knows the workspace. */
async function followed(): Promise<PlayedSocket> {
  world.tasks = [task("one")];
  const { sockets } = open("/tasks");
  await screen.findByText("Task one");
  await waitFor(() => expect(sockets).toHaveLength(1));
  const socket = sockets[0] as PlayedSocket;
  act(() => socket.open());
  await waitFor(() => expect(following(socket)).toHaveLength(1));
  acknowledge(socket);
  return socket;
}

const acknowledge = (socket: PlayedSocket) =>
  act(() => socket.receive({ type: "ack", id: String(following(socket).at(-1)?.id) }));

test("what changed before the topic began is read again when it says from where it tells", async () => {
  const socket = await followed();
  expect(following(socket)[0]).not.toHaveProperty("cursor");
  world.tasks = [task("one"), task("two")];
  act(() => socket.receive({ type: "caughtUp", topic: W, cursor: "0" }));
  expect(await screen.findByText("Task two")).toBeVisible();

  world.tasks = [task("one", { title: "Renamed" }), task("two")];
  const event = { seq: "1", createTime: "2026-11-23T08:00:00Z", task: { task: `${W}/tasks/one` } };
  act(() => socket.receive({ type: "event", topic: W, cursor: "1", event }));
  expect(await screen.findByText("Renamed")).toBeVisible();
});

test("a place that is no longer kept is followed anew, and everything is read again", async () => {
  const socket = await followed();
  act(() => socket.receive({ type: "caughtUp", topic: W, cursor: "7" }));
  const expired = { title: "Gone", status: 410, detail: "It is no longer kept.", reason: "CURSOR_EXPIRED" };
  const problem = { type: "urn:missioncontrol:problem:CURSOR_EXPIRED", instance: "0198.1", ...expired };
  act(() => socket.receive({ type: "error", topic: W, ended: true, problem }));
  await waitFor(() => expect(following(socket)).toHaveLength(2));
  expect(following(socket)[1]).not.toHaveProperty("cursor");
  acknowledge(socket);
  world.tasks = [task("three")];
  act(() => socket.receive({ type: "caughtUp", topic: W, cursor: "30" }));
  expect(await screen.findByText("Task three")).toBeVisible();
});
