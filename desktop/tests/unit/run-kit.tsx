// A run's screen and its journal as it is played to it.
import { act, screen, waitFor } from "@testing-library/react";
import { expect, vi } from "vitest";
import type { Run } from "~/api/gen/schemas";
import { type Kind, recorded } from "~/features/run-detail/journal/testing";
import { open, W, world } from "./app";

export const RUN = `${W}/runs/r`;

/** A run that works. */
export const run = (more: Partial<Run> = {}): Partial<Run> => ({
  name: RUN,
  task: `${W}/tasks/t`,
  agentVersion: `${W}/agents/a/versions/7`,
  agentDisplayName: "Ana",
  title: "Fix the login",
  model: "simulator/demo",
  state: "RUN_STATE_RUNNING",
  steps: 1,
  totalTokens: "780",
  costNanoUsd: "510000",
  createTime: "2026-11-23T09:00:00Z",
  startTime: "2026-11-23T09:00:01Z",
  ...more,
});

/** jsdom has no layout: the log is as high as a screen, and every row as high as a line. */
export function playLayout() {
  const height = (element: HTMLElement) => (element.getAttribute("role") === "log" ? 800 : 40);
  for (const side of ["offsetHeight", "clientHeight"] as const) {
    vi.spyOn(HTMLElement.prototype, side, "get").mockImplementation(function (this: HTMLElement) {
      return height(this);
    });
  }
  vi.spyOn(HTMLElement.prototype, "offsetWidth", "get").mockReturnValue(900);
  world.runs = [run()];
}

/** Opens the run and plays its journal. */
export async function watch(kinds: Kind[]) {
  const opened = open("/runs/r");
  await waitFor(() => expect(opened.sockets[0]).toBeDefined());
  const socket = opened.sockets[0];
  if (!socket) throw new Error("no socket");
  act(() => socket.open());
  await waitFor(() => expect(socket.of("subscribe").some((frame) => frame.topic === RUN)).toBe(true));
  const id = String(socket.of("subscribe").find((frame) => frame.topic === RUN)?.id);
  const events = recorded(kinds);
  let sent = 0;
  const play = (upTo = events.length) =>
    act(async () => {
      for (; sent < upTo; sent += 1) {
        socket.receive({ type: "event", topic: RUN, cursor: String(sent + 1), event: events[sent] });
      }
      socket.receive({ type: "caughtUp", topic: RUN, cursor: String(sent) });
      await new Promise((resolve) => setTimeout(resolve, 60));
    });
  socket.receive({ type: "ack", id });
  return { ...opened, socket, play, log: () => screen.findByRole("log", { name: "Journal" }) };
}
