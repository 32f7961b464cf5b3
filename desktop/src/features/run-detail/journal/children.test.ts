// Work that is handed to others: who got what, what came back, and what came back late.
import { expect, test } from "vitest";
import { callWords } from "~/features/inbox/words";
import { covered, spans } from "../summary/spans";
import type { CallEntry, QueuedEntry } from "./entries";
import { asks, asksModel, decides, type Kind, queued, returns, says, started, T0, timelineOf } from "./testing";

const W = "workspaces/w";
const BEGIN: Kind[] = [queued, started, asksModel(), says("I hand it on.")];
const timeline = (...kinds: Kind[]) => timelineOf([...BEGIN, ...kinds]);
const call = (...kinds: Kind[]) => timeline(...kinds).entries.find((each) => each.id === "call:1:c") as CallEntry;

const handed = (names: readonly string[], more: object = {}) => ({
  childrenStarted: {
    step: 1,
    callId: "c",
    children: names.map((teammate) => ({
      run: `${W}/runs/${teammate}`,
      task: `${W}/tasks/${teammate}`,
      teammate,
      title: `Ask ${teammate}`,
      agentVersion: `${W}/agents/${teammate}/versions/1`,
    })),
    wait: "CHILD_WAIT_ALL",
    ...more,
  },
});
const ended = (teammate: string, more: object = {}) => ({
  childEnded: {
    run: `${W}/runs/${teammate}`,
    state: "RUN_STATE_SUCCEEDED",
    summary: `${teammate} is done.`,
    steps: 2,
    totalTokens: "60",
    costNanoUsd: "4000",
    artifacts: [{ artifact: `${W}/artifacts/a`, path: "a.md" }],
    moreArtifacts: 2,
    ...more,
  },
});
const back = returns("c", "2 of 2 succeeded.", { tool: "delegate" });

test("each piece of work stands by itself until its end is heard of", () => {
  const waiting = call(handed(["bob", "eve"]), ended("bob"));
  expect(waiting).toMatchObject({ tool: "delegate", state: "delegated", anyIsEnough: false });
  expect(waiting.children).toMatchObject([
    {
      teammate: "bob",
      title: "Ask bob",
      state: "succeeded",
      said: { text: "bob is done." },
      costNanoUsd: "4000",
      files: 3,
    },
    { teammate: "eve", state: "working", said: null, files: 0 },
  ]);
  expect(waiting.seqs).toEqual([5, 6]);
  const failed = ended("eve", {
    state: "RUN_STATE_FAILED",
    summary: "",
    error: { reason: "STUCK_LOOP", message: "It went in circles." },
  });
  const over = call(handed(["bob", "eve"]), ended("bob"), failed, back);
  expect(over).toMatchObject({ state: "done", result: { text: "2 of 2 succeeded." } });
  expect(over.children[1]).toMatchObject({ state: "failed", said: { text: "It went in circles." } });
});

test("who is not needed any longer is told to stop, and its end is told of after the result", () => {
  const cancelled = {
    childrenCancelled: {
      children: [{ run: `${W}/runs/eve`, command: `${W}/runs/eve/commands/x` }],
      cause: "CHILD_CANCEL_CAUSE_NOT_NEEDED",
    },
  };
  const records = [handed(["bob", "eve"], { wait: "CHILD_WAIT_ANY" }), ended("bob"), cancelled];
  expect(call(...records)).toMatchObject({ anyIsEnough: true });
  expect(call(...records).children[1]).toMatchObject({ state: "stopping" });
  const late = call(
    ...records,
    back,
    ended("eve", { state: "RUN_STATE_CANCELLED", error: { message: "Not needed." } }),
  );
  expect(late).toMatchObject({ state: "done" });
  expect(late.children[1]).toMatchObject({ state: "cancelled", said: { text: "Not needed." } });
});

test("waiting for others is no work, and an approval before it is waiting for people", () => {
  const all = spans(timeline(asks("c"), decides("c", { approve: {} }), handed(["bob"]), ended("bob"), back));
  expect(covered(all, ["tool"], T0 + 600_000)).toBe(0);
  // The person decided ten minutes in.
  expect(covered(all, ["waiting"], T0 + 900_000)).toBe(596_000);
  expect(covered(spans(timeline(handed(["bob"]))), ["resting"], T0 + 10_000)).toBe(6_000);
});

test("the end of a run makes what it waits for void", () => {
  const failed = { failed: { error: { reason: "DURATION_LIMIT_REACHED", message: "It is over." } } };
  expect(call(handed(["bob"]), failed).state).toBe("void");
});

test("an end of a run that nobody handed work to is not lost", () => {
  expect(timeline(ended("stranger")).entries.at(-1)).toMatchObject({ kind: "unknown", name: "childEnded" });
});

test("a run that was handed its work says by which", () => {
  const below = { queued: { ...queued.queued, parentRun: `${W}/runs/lead` } };
  expect((timelineOf([below]).entries[0] as QueuedEntry).parent).toBe(`${W}/runs/lead`);
  expect((timelineOf([queued]).entries[0] as QueuedEntry).parent).toBe("");
});

test.each([
  ['{"children":[{"teammate":"bob"},{"teammate":"bob"}]}', "hand work to bob"],
  ['{"children":[{"teammate":"bob"},{"teammate":"eve"},{"teammate":"kim"}]}', "hand work to bob and 2 others"],
  ['{"children":7}', "hand work to teammates"],
])("%s is called %s", (argumentsJson, words) => expect(callWords({ tool: "delegate", argumentsJson })).toBe(words));
