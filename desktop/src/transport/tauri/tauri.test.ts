import { beforeEach, expect, test, vi } from "vitest";
import { type Problem, Problem as ProblemError } from "~/api/problem";
import type { TopicFrame } from "../types";
import type { FrameMessage } from "./messages";
import { PlayedRust, settled } from "./testing";

const RUN = "workspaces/w/runs/r";
const WORKSPACE = "workspaces/w";

let rust: PlayedRust;
beforeEach(() => {
  rust = new PlayedRust();
});

/** What Rust answers when something went wrong on its side. */
const failure = (status: number, reason: string, detail = "It did not work.") => ({ status, reason, detail });

const event = (watch: number, cursor: string, topic = RUN): FrameMessage => ({
  type: "frame",
  watch,
  frame: { type: "event", topic, cursor, event: { seq: cursor } },
  last: false,
});

function follower() {
  const seen = { batches: [] as string[][], problems: [] as [Problem, boolean][], ended: false };
  const handlers = {
    frames: (batch: readonly TopicFrame[]) =>
      void seen.batches.push(batch.map((frame) => ("cursor" in frame ? frame.cursor : frame.type))),
    end: () => {
      seen.ended = true;
    },
    problem: (what: Problem, ended: boolean) => void seen.problems.push([what, ended]),
  };
  return { seen, handlers };
}

test("a window begins with the gateway and the session that Rust has", async () => {
  const transport = await rust.attached();
  expect(transport.gateway.get()).toBe("http://127.0.0.1:8080");
  expect(transport.session.get()).toEqual({ state: "signedIn" });
  expect(transport.connection.get()).toEqual({ state: "idle" });
});

test("messages that overtake the beginning are taken after it", async () => {
  rust.answers.attach = async ({ messages }) => {
    await settled();
    const told = { index: 0, message: [{ type: "session", session: { state: "signedOut", because: "expired" } }] };
    // biome-ignore lint/suspicious/noExplicitAny: internals of Tauri
    (window as any).__TAURI_INTERNALS__.runCallback((messages as { id: number }).id, told);
    return { gateway: "https://mc.example", session: { state: "signedIn" } };
  };
  const transport = await rust.attached();
  await settled();
  expect(transport.session.get()).toEqual({ state: "signedOut", because: "expired" });
});

test("a request goes to Rust as it is, and its answer is parsed here", async () => {
  rust.answers.request = () => rust.reply(200, { task: { name: "t" } }, '"e1"');
  const transport = await rust.attached();
  const body = { title: "Do it" };
  const reply = await transport.request("PATCH", "/v1/workspaces/w/tasks/t", body, {
    idempotencyKey: "k",
    ifMatch: '"e0"',
  });
  expect(reply).toEqual({ status: 200, body: { task: { name: "t" } }, etag: '"e1"' });
  expect(rust.of("request")).toEqual([
    {
      request: {
        method: "PATCH",
        path: "/v1/workspaces/w/tasks/t",
        body,
        idempotencyKey: "k",
        ifMatch: '"e0"',
        anonymous: false,
      },
    },
  ]);
});

test("an empty answer is an empty object, and one that is not JSON is a problem", async () => {
  const transport = await rust.attached();
  rust.answers.request = () => ({ status: 200, body: "", etag: null });
  expect((await transport.request("DELETE", "/v1/x")).body).toEqual({});
  rust.answers.request = () => ({ status: 200, body: "<html>", etag: null });
  await expect(transport.request("GET", "/v1/x")).rejects.toMatchObject({ reason: "ANSWER_UNREADABLE" });
});

test("problems of the gateway and of Rust arrive as problems", async () => {
  const transport = await rust.attached();
  const refused = { ...failure(409, "ETAG_MISMATCH"), type: "-", title: "-", instance: "0198.1" };
  rust.answers.request = () => rust.reply(409, refused);
  await expect(transport.request("GET", "/v1/x")).rejects.toMatchObject({ status: 409, instance: "0198.1" });
  rust.answers.request = () => ({ status: 502, body: "<html>", etag: null });
  await expect(transport.request("GET", "/v1/x")).rejects.toMatchObject({ reason: "GATEWAY_UNREACHABLE", status: 502 });
  rust.answers.request = () => Promise.reject(failure(0, "GATEWAY_UNREACHABLE", "Nothing answers."));
  await expect(transport.request("GET", "/v1/x")).rejects.toMatchObject({
    detail: "Nothing answers.",
    transient: true,
  });
  rust.answers.request = () => Promise.reject("request not allowed");
  const thrown = await transport.request("GET", "/v1/x").catch((thrown: unknown) => thrown);
  expect(thrown).toBeInstanceOf(ProblemError);
  expect(thrown).toMatchObject({ reason: "UNEXPECTED", detail: "request not allowed" });
});

test("a request that is given up rejects at once with the signal's reason", async () => {
  rust.answers.request = () => new Promise(() => undefined);
  const transport = await rust.attached();
  const controller = new AbortController();
  const pending = transport.request("GET", "/v1/x", undefined, { signal: controller.signal });
  const reason = new Error("left the page");
  controller.abort(reason);
  await expect(pending).rejects.toBe(reason);
  await expect(transport.request("GET", "/v1/x", undefined, { signal: controller.signal })).rejects.toBe(reason);
  expect(rust.of("request")).toHaveLength(1);
});

test("content comes as it is", async () => {
  rust.answers.read = () => new Uint8Array([1, 2, 3]).buffer;
  const transport = await rust.attached();
  expect((await transport.read("/v1/x")).size).toBe(3);
});

test("signing in hands a pasted link over whole, and counts before Rust says so", async () => {
  rust.beginning = { ...rust.beginning, session: { state: "signedOut", because: "never" } };
  rust.answers.sign_in = () => false;
  const transport = await rust.attached();
  const link = "http://127.0.0.1:8080/sign-in#code=mc_otc_x";
  await transport.signIn({ kind: "code", code: link });
  expect(rust.of("sign_in")).toEqual([{ credentials: { kind: "code", code: link } }]);
  expect(transport.session.get()).toEqual({ state: "signedIn" });
  expect(rust.of("attach")).toHaveLength(1);
});

test("a session that begins twice over is told once", async () => {
  rust.answers.sign_in = () => false;
  rust.beginning = { ...rust.beginning, session: { state: "signedOut", because: "never" } };
  const transport = await rust.attached();
  const told = vi.fn();
  transport.session.subscribe(told);
  await transport.signIn({ kind: "token", token: "mc_pat_x" });
  await rust.tell([{ type: "session", session: { state: "signedIn" } }]);
  expect(told).toHaveBeenCalledTimes(1);
});

test("a link of another gateway is followed there, and what came from the first is over", async () => {
  rust.answers.sign_in = () => true;
  const transport = await rust.attached();
  const { seen, handlers } = follower();
  transport.watch(RUN, null, handlers);
  rust.beginning = { gateway: "https://mc.example", session: { state: "signedIn" } };
  await transport.signIn({ kind: "code", code: "https://mc.example/sign-in#code=mc_otc_x" });
  expect(transport.gateway.get()).toBe("https://mc.example");
  expect(seen.problems).toMatchObject([[{ reason: "GATEWAY_CHANGED" }, true]]);
  await rust.tell([{ type: "session", session: { state: "signedOut", because: "expired" } }], 0);
  expect(transport.session.get()).toEqual({ state: "signedIn" });
  expect(rust.of("taken")).toHaveLength(0);
});

test("a gateway that is refused leaves everything as it was", async () => {
  rust.answers.choose_gateway = () =>
    Promise.reject(failure(0, "INVALID_ARGUMENT", "Gateway must begin with https://."));
  const transport = await rust.attached();
  await expect(transport.chooseGateway("http://evil.example")).rejects.toMatchObject({ reason: "INVALID_ARGUMENT" });
  expect(transport.gateway.get()).toBe("http://127.0.0.1:8080");
  expect(rust.of("attach")).toHaveLength(1);
});

test("signing out never throws", async () => {
  rust.answers.sign_out = () => Promise.reject(failure(0, "KEYCHAIN_UNAVAILABLE"));
  const transport = await rust.attached();
  await transport.signOut();
  expect(transport.session.get()).toEqual({ state: "signedOut", because: "signedOut" });
});

test("frames of one batch are handed over together, and the batch is taken once", async () => {
  const transport = await rust.attached();
  const [run, workspace] = [follower(), follower()];
  transport.watch(RUN, "4", run.handlers);
  transport.watch(WORKSPACE, null, workspace.handlers);
  await rust.tell([event(1, "5"), event(1, "6"), event(2, "1", WORKSPACE), event(1, "7")]);
  expect(run.seen.batches).toEqual([["5", "6"], ["7"]]);
  expect(workspace.seen.batches).toEqual([["1"]]);
  expect(rust.of("watch")).toEqual([
    { topic: RUN, cursor: "4", watch: 1 },
    { topic: WORKSPACE, cursor: null, watch: 2 },
  ]);
  expect(rust.of("taken")).toEqual([{ batches: 1 }]);
});

test("a batch is taken even if its follower fails", async () => {
  const transport = await rust.attached();
  const failing = () => {
    throw new Error("cannot draw this");
  };
  transport.watch(RUN, null, { ...follower().handlers, frames: failing });
  const thrown = vi.fn();
  process.once("unhandledRejection", thrown);
  await rust.tell([event(1, "1")]);
  expect(thrown).toHaveBeenCalled();
  expect(rust.of("taken")).toEqual([{ batches: 1 }]);
});

test("a topic has one follower; the next one gets nothing that was on its way to the one before", async () => {
  const transport = await rust.attached();
  const [first, second] = [follower(), follower()];
  const watch = transport.watch(RUN, null, first.handlers);
  expect(() => transport.watch(RUN, null, second.handlers)).toThrow("is watched already");
  watch.close();
  watch.close();
  transport.watch(RUN, "8", second.handlers);
  await rust.tell([event(1, "1"), event(2, "9")]);
  expect(first.seen.batches).toEqual([]);
  expect(second.seen.batches).toEqual([["9"]]);
});

test("leaving and following again reach Rust in that order, however long each takes", async () => {
  let leave = () => {};
  rust.answers.unwatch = () =>
    new Promise<void>((resolve) => {
      leave = resolve;
    });
  const transport = await rust.attached();
  transport.watch(RUN, null, follower().handlers).close();
  transport.watch(RUN, null, follower().handlers);
  await settled();
  const orders = () => rust.calls.map((call) => call.command).filter((command) => command !== "attach");
  expect(orders()).toEqual(["watch", "unwatch"]);
  leave();
  await settled();
  expect(orders()).toEqual(["watch", "unwatch", "watch"]);
});

test("the end of a topic and a final error end its watch; other errors do not", async () => {
  const transport = await rust.attached();
  const [run, workspace] = [follower(), follower()];
  transport.watch(RUN, null, run.handlers);
  transport.watch(WORKSPACE, null, workspace.handlers);
  const problem = { ...failure(503, "UNAVAILABLE"), type: "-", title: "-", instance: "" };
  const error = (last: boolean): FrameMessage => ({
    type: "frame",
    watch: 2,
    frame: { type: "error", id: "1", topic: WORKSPACE, problem },
    last,
  });
  const end: FrameMessage = { type: "frame", watch: 1, frame: { type: "end", topic: RUN, cursor: "9" }, last: true };
  await rust.tell([event(1, "9"), end, error(false), error(true), event(1, "10"), event(2, "1", WORKSPACE)]);
  expect(run.seen).toMatchObject({ batches: [["9"]], ended: true, problems: [] });
  expect(workspace.seen.batches).toEqual([]);
  expect(workspace.seen.problems.map(([, ended]) => ended)).toEqual([false, true]);
  transport.watch(RUN, "9", run.handlers);
  expect(rust.of("unwatch")).toEqual([]);
});

test("a topic that Rust will not follow is over", async () => {
  rust.answers.watch = () => Promise.reject(failure(0, "INVALID_ARGUMENT", "Topic is one too many."));
  const transport = await rust.attached();
  const { seen, handlers } = follower();
  transport.watch(RUN, null, handlers);
  await settled();
  expect(seen.problems).toMatchObject([[{ detail: "Topic is one too many." }, true]]);
});

test("a frame of a newer gateway is passed over", async () => {
  const transport = await rust.attached();
  const { seen, handlers } = follower();
  transport.watch(RUN, null, handlers);
  const news: FrameMessage = { type: "frame", watch: 1, frame: { type: "hologram", topic: RUN }, last: false };
  await rust.tell([news, event(1, "1")]);
  expect(seen.batches).toEqual([["1"]]);
});

test("waiting is told with the time of the next attempt, and ends when the network is back", async () => {
  const transport = await rust.attached();
  const before = Date.now();
  const waiting = { state: "waiting", cause: "unreachable", attempt: 2, retryInMs: 4000 } as const;
  await rust.tell([{ type: "connection", connection: waiting }]);
  const connection = transport.connection.get();
  expect(connection).toMatchObject({ state: "waiting", cause: "unreachable", attempt: 2 });
  expect(connection.state === "waiting" && connection.retryAt - before).toBeGreaterThanOrEqual(4000);
  window.dispatchEvent(new Event("online"));
  await rust.tell([{ type: "connection", connection: { state: "open" } }]);
  window.dispatchEvent(new Event("online"));
  expect(rust.of("reconnect")).toHaveLength(1);
});

test("what is chosen on a notice reaches its listeners", async () => {
  rust.answers.show_notice = () => true;
  const transport = await rust.attached();
  const chosen = vi.fn();
  const stop = transport.notifications.onAction(chosen);
  const notice = { id: "i", title: "Ana waits", body: "", actions: [{ id: "approve", label: "Approve" }] };
  await transport.notifications.show(notice);
  expect(rust.of("show_notice")).toEqual([{ notice }]);
  await rust.tell([{ type: "noticeAction", notice: "i", action: "approve" }]);
  stop();
  await rust.tell([{ type: "noticeAction", notice: "i", action: "open" }]);
  expect(chosen.mock.calls).toEqual([["i", "approve"]]);
});

test("a window that is closed leaves what it followed and listens no more", async () => {
  const transport = await rust.attached();
  const { seen, handlers } = follower();
  transport.watch(RUN, null, handlers);
  transport.dispose();
  await rust.tell([event(1, "1")]);
  window.dispatchEvent(new Event("online"));
  expect(seen.batches).toEqual([]);
  expect(rust.of("unwatch")).toEqual([{ topic: RUN }]);
  expect(rust.of("reconnect")).toEqual([]);
});
