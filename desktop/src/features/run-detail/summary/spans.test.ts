import fc from "fast-check";
import { expect, test } from "vitest";
import {
  asks,
  asksModel,
  decides,
  orders,
  queued,
  returns,
  says,
  started,
  T0,
  timelineOf,
  uses,
} from "../journal/testing";
import { covered, type Span, segments, spans } from "./spans";

const at = (second: number) => T0 + second * 1_000;

test("what is under way has no end, and waiting is told from work", () => {
  const timeline = timelineOf([
    queued,
    started,
    asksModel(),
    says("I will."),
    asks("c"),
    decides("c", { approve: {} }),
    uses("c"),
    returns("c"),
  ]);
  // It was decided at 09:10:00, after 596 s; the record of the result has an earlier time in this test, so no work follows.
  expect(spans(timeline)).toEqual([
    { doing: "model", from: at(2), to: at(3) },
    { doing: "waiting", from: at(4), to: at(600) },
  ]);
  expect(spans(timelineOf([queued, started, asksModel()]))).toEqual([
    { doing: "model", from: at(2), to: Number.POSITIVE_INFINITY },
  ]);
});

test("a pause lasts from its effect until the run goes on", () => {
  const paused = [queued, started, orders("p", "PAUSE"), { paused: { command: "p" } }];
  expect(spans(timelineOf(paused))).toEqual([{ doing: "paused", from: at(3), to: Number.POSITIVE_INFINITY }]);
  const resumed = [...paused, orders("r", "RESUME"), { resumed: { command: "r" } }];
  expect(spans(timelineOf(resumed))).toEqual([{ doing: "paused", from: at(3), to: at(5) }]);
});

const span: fc.Arbitrary<Span> = fc
  .tuple(
    fc.constantFrom("model" as const, "tool" as const),
    fc.integer({ min: 0, max: 900 }),
    fc.integer({ min: 1, max: 300 }),
  )
  .map(([doing, from, length]) => ({ doing, from, to: from + length }));

test("segments cover the whole strip without gap or overlap", () => {
  fc.assert(
    fc.property(fc.array(span), fc.integer({ min: 1, max: 60 }), (all, pieces) => {
      const found = segments(all, 0, 1_000, pieces);
      expect(found[0]?.from).toBe(0);
      expect(found.at(-1)?.to).toBe(1);
      for (const [index, piece] of found.entries()) {
        if (index > 0) {
          expect(piece.from).toBe(found[index - 1]?.to);
          expect(piece.doing).not.toBe(found[index - 1]?.doing);
        }
      }
    }),
  );
});

test("time that overlaps counts once", () => {
  const all: Span[] = [
    { doing: "tool", from: 0, to: 10 },
    { doing: "tool", from: 5, to: 20 },
    { doing: "model", from: 18, to: 30 },
    { doing: "waiting", from: 0, to: 1_000 },
  ];
  expect(covered(all, ["tool"], 1_000)).toBe(20);
  expect(covered(all, ["tool", "model"], 1_000)).toBe(30);
  expect(covered(all, ["waiting"], 400)).toBe(400);
  expect(segments(all, 5, 5)).toEqual([]);
});
