// A conversation that was made shorter: the records behind it stay, and can be shown.
import { expect, test } from "vitest";
import { contextTitle, originals } from "../timeline/context-view";
import { copyText, rowLabel } from "../timeline/row-text";
import type { ContextEntry, ModelEntry } from "./entries";
import { asksModel, queued, says, started, timelineOf } from "./testing";

const sumsUp = { modelCallStarted: { ...asksModel(2).modelCallStarted, compactsThroughSeq: "4" } };
const compacted = (more: object) => ({
  contextCompacted: { tokensBefore: "182000", tokensAfter: "41000", windowTokens: "200000", ...more },
});
const summary = compacted({ step: 2, firstSeq: "3", lastSeq: "4", text: "Half is done.", costNanoUsd: "510000" });

const last = (...kinds: object[]) => timelineOf([queued, started, asksModel(), says("I will."), ...kinds] as never);

test("a summary is an entry that names what it stands for, and hides nothing", () => {
  const { entries } = last(sumsUp, says("Half is done.", 2), summary);
  const entry = entries.at(-1) as ContextEntry;
  expect(entry).toMatchObject({ kind: "context", step: 2, firstSeq: 3, lastSeq: 4, costNanoUsd: "510000" });
  expect(contextTitle(entry)).toBe("Context compacted: 182k → 41k tokens");
  expect(rowLabel(entry)).toBe(contextTitle(entry));
  expect(copyText(entry)).toBe("Half is done.");
  expect(originals(entry)).toEqual([3, 4]);
  const model = (id: string) => entries.find((each) => each.id === id) as ModelEntry;
  expect(model("model:1:1").sumsUp).toBe(false);
  expect(model("model:1:1").text?.text).toBe("I will.");
  expect(model("model:2:1").sumsUp).toBe(true);
});

test("answers that were shortened are named once each, without a summary", () => {
  const shortened = [9, 6, 9].map((seq, place) => ({ seq: String(seq), callId: `c${place}`, text: "[Taken out.]" }));
  const entry = last(compacted({ shortened })).entries.at(-1) as ContextEntry;
  expect(entry).toMatchObject({ text: null, firstSeq: 0, shortened: [9, 6, 9] });
  expect(originals(entry)).toEqual([6, 9]);
  expect(copyText(entry)).toBe("");
});
