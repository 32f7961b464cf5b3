import { expect, test } from "vitest";
import type { CallEntry, ModelEntry, OrderEntry, WorkerEntry } from "./entries";
import { openAsk } from "./entries";
import { Journal } from "./journal";
import { KEPT_CHARS } from "./kept";
import {
  asks,
  asksModel,
  decides,
  fails,
  type Kind,
  orders,
  queued,
  recorded,
  returns,
  says,
  started,
  succeeded,
  takenOver,
  timelineOf,
  unsure,
  uses,
} from "./testing";

const BEGIN: Kind[] = [queued, started, asksModel()];
const entry = <Of>(kinds: Kind[], id: string) => timelineOf(kinds).entries.find((each) => each.id === id) as Of;
const call = (...kinds: Kind[]) => entry<CallEntry>([...BEGIN, says("I will."), ...kinds], "call:1:c");
const model = (...kinds: Kind[]) => entry<ModelEntry>([queued, started, ...kinds], "model:1:1");

test("a model call grows from its intent to its answer, in one entry", () => {
  expect(model(asksModel())).toMatchObject({ state: "running", model: "simulator/demo", tokens: null });
  expect(model(asksModel(), says("Hello."))).toMatchObject({
    state: "answered",
    seqs: [3, 4],
    text: { text: "Hello.", length: 6 },
    tokens: 780,
    costNanoUsd: "510000",
    durationMs: 1_200,
    chargedBefore: 0,
  });
});

test("an attempt that was cut is charged, and the next one says that it is a second charge", () => {
  const cut = { maybeBilled: true, costNanoUsd: "260000", costEstimated: true, totalTokens: "482" };
  const { entries } = timelineOf([
    queued,
    started,
    asksModel(),
    fails(1, 1, cut),
    asksModel(1, 2),
    says("Once more.", 1, 2),
  ]);
  expect(entries[2]).toMatchObject({ state: "failed", estimated: true, costNanoUsd: "260000", tokens: 482 });
  expect(entries[3]).toMatchObject({ state: "answered", attempt: 2, chargedBefore: 1 });
});

test("an attempt that cost nothing is no charge", () => {
  const { entries } = timelineOf([queued, started, asksModel(), fails(), asksModel(1, 2)]);
  expect(entries[3]).toMatchObject({ chargedBefore: 0 });
});

test("a call that is approved with changes keeps both arguments and who allowed it", () => {
  const changed = '{"method":"POST","url":"https://a.test/y"}';
  const done = call(
    asks("c"),
    decides("c", { approve: { argumentsJson: changed } }),
    uses("c", { argumentsJson: changed }),
    returns("c"),
  );
  expect(done).toMatchObject({
    state: "done",
    seqs: [5, 6, 7, 8],
    argumentsJson: { text: changed },
    proposedJson: { text: '{"method":"POST","url":"https://a.test/x"}' },
    result: { text: "HTTP 200" },
    durationMs: 250,
  });
  expect(done.asks).toMatchObject([{ kind: "approval", decision: { by: "users/me" } }]);
});

test("what waits for a person is listed until it is decided", () => {
  const waiting = [...BEGIN, says("I will."), asks("c"), asks("d")];
  expect(timelineOf(waiting).waiting).toEqual(["call:1:c", "call:1:d"]);
  const after = timelineOf([...waiting, decides("c", { approve: {} })]);
  expect(after.waiting).toEqual(["call:1:d"]);
  expect(openAsk(after.entries[3] as CallEntry)).toBeNull();
  expect(openAsk(after.entries[4] as CallEntry)?.item).toBe("workspaces/w/inbox/d");
});

test("a rejected call says so and never reads as failed", () => {
  const no = { reject: { reason: "Too risky" } };
  expect(call(asks("c"), decides("c", no))).toMatchObject({ state: "rejected" });
  expect(call(asks("c"), decides("c", no), returns("c", "A person said no.", { isError: true }))).toMatchObject({
    state: "rejected",
  });
});

test("a question is answered without ever being carried out", () => {
  const question = {
    questionAsked: { step: 1, callId: "c", inboxItem: "workspaces/w/inbox/c", question: "Where?", choices: ["eu"] },
  };
  expect(
    call(question, decides("c", { answer: { text: "eu" } }), returns("c", "eu", { tool: "ask_human" })),
  ).toMatchObject({
    question: { text: "Where?", choices: ["eu"] },
    tool: "ask_human",
    state: "done",
  });
});

test("a call outlives its worker: tried again by a person's word, it is another attempt", () => {
  const lost = [uses("c"), takenOver(), unsure("c")];
  expect(call(...lost)).toMatchObject({ state: "asked", takeovers: 1, asks: [{ kind: "outcome", attempt: 1 }] });
  expect(call(...lost, decides("c", { retry: {} }, "c-1"), uses("c", { attempt: 2 }), returns("c"))).toMatchObject({
    state: "done",
    attempt: 2,
    proposedJson: null,
  });
});

test("workers that died at work are told from those that let go", () => {
  const how = (kinds: Kind[]) =>
    timelineOf(kinds).entries.filter((each): each is WorkerEntry => each.kind === "worker");
  expect(how([...BEGIN, takenOver()])).toMatchObject([
    { how: "first" },
    { how: "lost", underWay: 1, silenceMs: 1_000 },
  ]);
  expect(how([...BEGIN, fails(1, 1, { retryTime: "2026-11-23T09:01:00Z" }), takenOver()])[1]).toMatchObject({
    how: "retry",
  });
  expect(how([...BEGIN, says("Hello."), takenOver()])[1]).toMatchObject({ how: "handed" });
  expect(timelineOf([...BEGIN, takenOver(), says("Hello."), takenOver(3)]).lost).toBe(1);
});

test("an order has its receipt, from delivered to effective", () => {
  const pausing = [...BEGIN, orders("p", "PAUSE")];
  expect(entry<OrderEntry>(pausing, "order:p")).toMatchObject({ state: "delivered", effectTime: undefined });
  const paused = [...pausing, says("Hello."), { paused: { command: "p" } }];
  expect(timelineOf(paused).paused).toBe(true);
  expect(entry<OrderEntry>(paused, "order:p")).toMatchObject({
    state: "effective",
    requestTime: "2026-11-23T08:59:59Z",
    deliverTime: "2026-11-23T09:00:03.000Z",
    effectTime: "2026-11-23T09:00:05.000Z",
    seqs: [4, 6],
  });
  const resumed = timelineOf([...paused, orders("r", "RESUME"), { resumed: { command: "r" } }]);
  expect(resumed.paused).toBe(false);
});

test("a resumption takes back a pause that is not effective, and has no record of its own", () => {
  const kinds = [...BEGIN, orders("p", "PAUSE"), orders("r", "RESUME")];
  expect(entry<OrderEntry>(kinds, "order:p").state).toBe("superseded");
  expect(entry<OrderEntry>(kinds, "order:r").state).toBe("effective");
});

test("a second pause, and whatever comes after a cancellation, is overtaken", () => {
  const twice = [...BEGIN, orders("p", "PAUSE"), orders("q", "PAUSE")];
  expect(entry<OrderEntry>(twice, "order:q").state).toBe("superseded");
  expect(entry<OrderEntry>(twice, "order:p").state).toBe("delivered");
  const late = [
    ...BEGIN,
    orders("c", "CANCEL"),
    orders("p", "PAUSE"),
    { cancelled: { command: "c", requester: "users/me" } },
  ];
  expect(entry<OrderEntry>(late, "order:p").state).toBe("superseded");
  expect(entry<OrderEntry>(late, "order:c").state).toBe("effective");
});

test("nothing of a run that is over is under way, and what was asked is void", () => {
  const over = timelineOf([
    ...BEGIN,
    says("I will."),
    asks("c"),
    uses("d"),
    orders("x", "CANCEL"),
    { cancelled: { command: "x", requester: "users/me", survivors: ["http_request"] } },
  ]);
  expect(over.entries.slice(3, 5)).toMatchObject([{ state: "void" }, { state: "unfinished" }]);
  expect(over.waiting).toEqual([]);
  expect(over.end).toMatchObject({ outcome: "cancelled", by: "users/me", survivors: ["http_request"] });
  expect(
    timelineOf([...BEGIN, { failed: { error: { reason: "DURATION_LIMIT_REACHED", message: "Too long." } } }])
      .entries[2],
  ).toMatchObject({
    state: "stopped",
  });
});

test("a model call that a cancellation stopped did not fail", () => {
  expect(
    model(asksModel(), fails(1, 1, { error: { reason: "RUN_CANCELLED", message: "Stopped." }, maybeBilled: true })),
  ).toMatchObject({
    state: "stopped",
    error: null,
    maybeBilled: true,
  });
});

test("records that this build does not know are kept in their place", () => {
  const { entries } = timelineOf([queued, { teleported: { to: "Mars" } }, { modelCallStarted: "nonsense" }, started]);
  expect(entries.map((each) => [each.kind, each.id])).toEqual([
    ["queued", "seq:1"],
    ["unknown", "seq:2"],
    ["unknown", "seq:3"],
    ["worker", "seq:4"],
  ]);
  expect(entries[1]).toMatchObject({ name: "teleported" });
});

test("of a long text the beginning is held, and how long it is", () => {
  const edge = "x".repeat(KEPT_CHARS);
  expect(call(uses("c"), returns("c", edge)).result).toMatchObject({ text: edge, length: KEPT_CHARS });
  expect(call(uses("c"), returns("c", `${edge}y`)).result).toEqual({ text: edge, length: KEPT_CHARS + 1, seq: 6 });
  // Never half a character.
  const rocket = "x".repeat(KEPT_CHARS - 1);
  expect(call(uses("c"), returns("c", `${rocket}🚀`)).result?.text).toBe(rocket);
});

test("records are taken once and in order", () => {
  const journal = new Journal();
  const [first, second, third] = recorded([queued, started, asksModel()]);
  expect(journal.take(second)).toBe("gap");
  expect(journal.take(first)).toBe("taken");
  expect(journal.take(first)).toBe("known");
  expect(journal.take(third)).toBe("gap");
  expect(journal.take(second)).toBe("taken");
  expect(journal.take(third)).toBe("taken");
  expect(journal.timeline()).toMatchObject({ head: 3, end: null });
});

test("entries that do not change stay the same objects", () => {
  const journal = new Journal();
  const events = recorded([...BEGIN, says("Hello."), succeeded()]);
  for (const event of events.slice(0, 4)) journal.take(event);
  const before = journal.timeline();
  journal.take(events[4]);
  const after = journal.timeline();
  expect(after.entries.slice(0, 3).every((each, index) => each === before.entries[index])).toBe(true);
  expect(after.end?.summary).toBe("All is well.");
});
