// Calls that nobody is asked about, that people answer in their place, and that wait for a time.
import { expect, test } from "vitest";
import { covered, spans } from "../summary/spans";
import { failureAdvice, isUsedUp } from "../words";
import type { CallEntry, QueuedEntry } from "./entries";
import {
  asks,
  asksModel,
  decides,
  fails,
  type Kind,
  queued,
  returns,
  says,
  started,
  T0,
  timelineOf,
  unsure,
  uses,
} from "./testing";

const BEGIN: Kind[] = [queued, started, asksModel(), says("I will.")];
const timeline = (...kinds: Kind[]) => timelineOf([...BEGIN, ...kinds]);
const call = (...kinds: Kind[]) => timeline(...kinds).entries.find((each) => each.id === "call:1:c") as CallEntry;

const WAKE = new Date(T0 + 60_000).toISOString();
const timer = { timerSet: { step: 1, callId: "c", wakeTime: WAKE, reason: "The build." } };
const ruled = {
  approvedByRule: {
    step: 1,
    callId: "c",
    tool: "http_request",
    argumentsJson: '{"method":"POST"}',
    approvalRule: "workspaces/w/approvalRules/r",
    creator: "users/me",
  },
};

test("a timer rests until its result, and is no work", () => {
  expect(call(timer)).toMatchObject({
    tool: "wait",
    state: "resting",
    timer: { wakeTime: WAKE, reason: "The build." },
  });
  expect(timeline(timer).waiting).toEqual([]);
  expect(call(timer, returns("c", "An hour has passed.", { tool: "wait" }))).toMatchObject({ state: "done" });
  const resting = spans(timeline(timer));
  expect(covered(resting, ["resting"], T0 + 34_000)).toBe(30_000);
  expect(covered(resting, ["tool", "waiting"], T0 + 34_000)).toBe(0);
});

test("a timer of a run that has ended is void", () => {
  const failed = { failed: { error: { reason: "DURATION_LIMIT_REACHED", message: "It is over." } } };
  expect(call(timer, failed).state).toBe("void");
});

test("what a rule allows was asked of nobody, and says by which", () => {
  expect(call(ruled)).toMatchObject({
    state: "decided",
    asks: [],
    rule: { name: "workspaces/w/approvalRules/r", creator: "users/me" },
  });
  expect(call(ruled, uses("c", { argumentsJson: '{"method":"POST"}' }), returns("c"))).toMatchObject({
    state: "done",
    proposedJson: null,
  });
});

test("a call that a person answers in its place was not made, and did not fail", () => {
  const answered = call(asks("c"), decides("c", { respond: { text: "It was paid." } }), returns("c", "Not made."));
  expect(answered).toMatchObject({ state: "answered", result: { text: "Not made." } });
});

test("a doubt says why", () => {
  const doubted = unsure("c");
  const told = { outcomeUnknown: { ...doubted.outcomeUnknown, cause: "TIMED_OUT", detail: "30 s" } };
  expect(call(uses("c"), told).asks[0]).toMatchObject({ cause: "TIMED_OUT", detail: "30 s" });
});

test("waiting for a provider's quota is no work either", () => {
  const limited = fails(2, 1, { error: { reason: "PROVIDER_RATE_LIMITED", message: "Later." }, retryTime: WAKE });
  const all = spans(timeline(asksModel(2), limited));
  // From the failure, five seconds in, until the time of the next attempt.
  expect(covered(all, ["resting"], T0 + 600_000)).toBe(55_000);
});

test("a start at a time is told with the queue", () => {
  const later = { queued: { ...queued.queued, scheduledStartTime: WAKE } };
  expect((timelineOf([later]).entries[0] as QueuedEntry).startTime).toBe(WAKE);
});

test("limits say what to do, and which of them going on would meet again at once", () => {
  for (const reason of ["STEP", "TOKEN", "COST", "DURATION"].map((each) => `${each}_LIMIT_REACHED`)) {
    expect(failureAdvice(reason, "Ana")).toContain("Ana");
  }
  expect(failureAdvice("COST_UNKNOWN", "")).toContain("the agent has a limit in dollars");
  expect(failureAdvice("PROVIDER_UNAVAILABLE", "Ana")).toBe("");
  expect(isUsedUp("COST_UNKNOWN")).toBe(true);
  expect(isUsedUp("DURATION_LIMIT_REACHED")).toBe(false);
});
