import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Problem } from "~/api/problem";
import { BrowserTransport } from "../browser";
import type { TopicFrame } from "../types";
import { PlayedPage, problem, session } from "./testing";

const RUN = "workspaces/w/runs/r";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function connected() {
  const page = new PlayedPage(new Map([["mc.session", JSON.stringify(session(1))]]));
  page.answer = () => ({ body: {} });
  const transport = new BrowserTransport(page.environment);
  await vi.advanceTimersByTimeAsync(0);
  page.socket.open();
  return { page, transport };
}

function follower() {
  const frames: TopicFrame[] = [];
  const problems: [Problem, boolean][] = [];
  const seen = { frames, problems, batches: 0, ended: false };
  const handlers = {
    frames: (batch: readonly TopicFrame[]) => {
      seen.batches += 1;
      frames.push(...batch);
    },
    end: () => {
      seen.ended = true;
    },
    problem: (what: Problem, ended: boolean) => void problems.push([what, ended]),
  };
  return { seen, handlers };
}

const event = (cursor: string) => ({ type: "event", topic: RUN, cursor, event: { seq: cursor } }) as const;

test("the bearer travels as a subprotocol", async () => {
  const { page } = await connected();
  expect(page.socket.url).toBe("ws://edge.test/v1/ws");
  expect(page.socket.protocols).toEqual(["mc.v1", "bearer.mc_ses_1"]);
});

test("events arrive in order, and those of one turn together", async () => {
  const { page, transport } = await connected();
  const { seen, handlers } = follower();
  transport.watch(RUN, null, handlers);
  page.socket.acknowledge();
  for (const cursor of ["1", "2", "3"]) page.socket.receive(event(cursor));
  await vi.advanceTimersByTimeAsync(1);
  expect(seen.frames).toMatchObject([{ cursor: "1" }, { cursor: "2" }, { cursor: "3" }]);
  expect(seen.batches).toBe(1);
});

test("after a break the topic is taken up behind the last event", async () => {
  const { page, transport } = await connected();
  const { seen, handlers } = follower();
  transport.watch(RUN, "4", handlers);
  expect(page.socket.of("subscribe")).toMatchObject([{ topic: RUN, cursor: "4" }]);
  page.socket.acknowledge();
  page.socket.receive(event("5"));
  await vi.advanceTimersByTimeAsync(1);
  page.socket.end(1006);
  await vi.advanceTimersByTimeAsync(600);
  expect(page.sockets).toHaveLength(2);
  page.socket.open();
  expect(page.socket.of("subscribe")).toMatchObject([{ topic: RUN, cursor: "5" }]);
  page.socket.acknowledge();
  page.socket.receive(event("6"));
  await vi.advanceTimersByTimeAsync(1);
  expect(seen.frames.map((frame) => "cursor" in frame && frame.cursor)).toEqual(["5", "6"]);
});

test("events that were received but not handed over when it broke are not lost", async () => {
  const { page, transport } = await connected();
  const { seen, handlers } = follower();
  transport.watch(RUN, null, handlers);
  page.socket.acknowledge();
  page.socket.receive(event("1"));
  page.socket.end(1006);
  await vi.advanceTimersByTimeAsync(600);
  page.socket.open();
  expect(page.socket.of("subscribe")).toMatchObject([{ cursor: "1" }]);
  expect(seen.frames).toMatchObject([{ cursor: "1" }]);
});

test("attempts come ever more slowly, at most every 30 s, and start anew after a connection that lasted", async () => {
  const { page, transport } = await connected();
  const waits: number[] = [];
  page.now += 60_000;
  for (let attempt = 0; attempt < 9; attempt += 1) {
    page.socket.end(1006);
    const connection = transport.connection.get();
    if (connection.state !== "waiting") throw new Error(connection.state);
    waits.push(connection.retryAt - page.now);
    await vi.advanceTimersByTimeAsync(connection.retryAt - page.now);
  }
  expect(waits).toEqual([500, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  page.socket.open();
  page.now += 10_000;
  page.socket.end(1006);
  expect(transport.connection.get()).toMatchObject({ state: "waiting", attempt: 1, retryAt: page.now + 500 });
});

test("a gateway that does not answer is asked over HTTP why, and is told apart from a lost network", async () => {
  const { page, transport } = await connected();
  page.answer = () => {
    throw new TypeError("network");
  };
  page.socket.end(1006);
  expect(transport.connection.get()).toMatchObject({ state: "waiting", cause: "unreachable" });
  await vi.advanceTimersByTimeAsync(500);
  expect(page.bearers("/v1/me")).toHaveLength(1);
  page.online = false;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(transport.connection.get()).toMatchObject({ state: "waiting", cause: "network" });
  page.online = true;
  page.answer = () => ({ body: {} });
  page.wake("online");
  await vi.advanceTimersByTimeAsync(0);
  expect(transport.connection.get().state).toBe("connecting");
});

test("a restart is said, and reconnected to within a second", async () => {
  const { page, transport } = await connected();
  page.socket.end(1012);
  expect(transport.connection.get()).toMatchObject({ state: "waiting", cause: "restarting", retryAt: page.now + 1000 });
});

test("a bearer that is no longer accepted is renewed, and the connection comes back at once", async () => {
  const { page } = await connected();
  page.answer = ({ path }) => (path === "/v1/auth:refresh" ? { body: { session: session(2) } } : { body: {} });
  page.socket.end(4401);
  await vi.advanceTimersByTimeAsync(0);
  expect(page.socket.protocols).toEqual(["mc.v1", "bearer.mc_ses_2"]);
});

test("a session that is over ends the connection and asks no more", async () => {
  const { page, transport } = await connected();
  page.answer = () => problem(401, "TOKEN_REVOKED");
  page.socket.end(4401);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(transport.session.get()).toEqual({ state: "signedOut", because: "expired" });
  expect(transport.connection.get()).toEqual({ state: "idle" });
  expect(page.sockets).toHaveLength(1);
});

test("silence is answered with a ping, and a missing pong with a new connection", async () => {
  const { page, transport } = await connected();
  const first = page.socket;
  await vi.advanceTimersByTimeAsync(25_000);
  expect(first.of("ping")).toHaveLength(1);
  first.receive({ type: "pong" });
  await vi.advanceTimersByTimeAsync(25_000);
  expect(first.of("ping")).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(first.closed).toBe(true);
  expect(transport.connection.get().state).toBe("waiting");
});

test("an end is told after everything before it, and nothing is subscribed to again", async () => {
  const { page, transport } = await connected();
  const { seen, handlers } = follower();
  transport.watch(RUN, null, handlers);
  page.socket.acknowledge();
  page.socket.receive(event("1"));
  page.socket.receive({ type: "end", topic: RUN, cursor: "1" });
  expect(seen).toMatchObject({ ended: true, frames: [{ cursor: "1" }] });
  page.socket.end(1006);
  await vi.advanceTimersByTimeAsync(600);
  page.socket.open();
  expect(page.socket.of("subscribe")).toHaveLength(0);
});

test("a topic that is not offered is told, and not asked for again", async () => {
  const { page, transport } = await connected();
  const { seen, handlers } = follower();
  transport.watch("workspaces/w", null, handlers);
  const id = String(page.socket.of("subscribe")[0]?.id);
  const body = problem(501, "TOPIC_NOT_OFFERED").body;
  page.socket.receive({ type: "error", id, topic: "workspaces/w", problem: body } as never);
  expect(seen.problems).toMatchObject([[{ reason: "TOPIC_NOT_OFFERED" }, true]]);
  page.socket.end(1006);
  await vi.advanceTimersByTimeAsync(600);
  page.socket.open();
  expect(page.socket.of("subscribe")).toHaveLength(0);
});

test("trouble behind the edge is told without ending the topic", async () => {
  const { page, transport } = await connected();
  const { seen, handlers } = follower();
  transport.watch(RUN, null, handlers);
  page.socket.acknowledge();
  page.socket.receive({ type: "error", topic: RUN, problem: problem(503, "UNAVAILABLE").body } as never);
  page.socket.receive(event("1"));
  await vi.advanceTimersByTimeAsync(1);
  expect(seen.problems).toMatchObject([[{ reason: "UNAVAILABLE" }, false]]);
  expect(seen.frames).toHaveLength(1);
});

test("a topic that is closed and opened again does not see frames of before", async () => {
  const { page, transport } = await connected();
  const before = follower();
  const watch = transport.watch(RUN, null, before.handlers);
  page.socket.acknowledge();
  watch.close();
  watch.close();
  expect(page.socket.of("unsubscribe")).toHaveLength(1);
  const after = follower();
  transport.watch(RUN, null, after.handlers);
  page.socket.receive(event("1"));
  await vi.advanceTimersByTimeAsync(1);
  expect(after.seen.frames).toHaveLength(0);
  page.socket.acknowledge();
  page.socket.receive(event("1"));
  await vi.advanceTimersByTimeAsync(1);
  expect(after.seen.frames).toHaveLength(1);
  expect(before.seen.frames).toHaveLength(0);
});

test("two watches of one topic are refused, as one of them would miss events", async () => {
  const { transport } = await connected();
  transport.watch(RUN, null, follower().handlers);
  expect(() => transport.watch(RUN, null, follower().handlers)).toThrow("close that watch first");
});

test("frames that this build does not know are passed over", async () => {
  const { page, transport } = await connected();
  const { seen, handlers } = follower();
  transport.watch(RUN, null, handlers);
  page.socket.acknowledge();
  page.socket.receive({ type: "sparkle", topic: RUN } as never);
  page.socket.onmessage?.({ data: "not json" });
  page.socket.receive(event("1"));
  await vi.advanceTimersByTimeAsync(1);
  expect(seen.frames).toHaveLength(1);
});

test("signing in again after signing out starts a new connection", async () => {
  const { page, transport } = await connected();
  await transport.signOut();
  expect(transport.connection.get()).toEqual({ state: "idle" });
  page.answer = () => ({ body: { session: session(2) } });
  await transport.signIn({ kind: "password", email: "a@b.c", password: "p" });
  await vi.advanceTimersByTimeAsync(0);
  expect(page.socket.protocols).toEqual(["mc.v1", "bearer.mc_ses_2"]);
});
