// Whatever a feed does on its way here, the timeline is that of the journal.
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { RunFeed, type Schedule } from "./feed";
import {
  asks,
  asksModel,
  decides,
  fails,
  frameOf,
  type Kind,
  orders,
  PlayedFeed,
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

/** Frames of the screen that are drawn by hand. */
class Screen {
  #work: (() => void)[] = [];
  readonly schedule: Schedule = (work) => {
    this.#work.push(work);
    return () => {
      this.#work = this.#work.filter((each) => each !== work);
    };
  };

  draw(): void {
    while (this.#work.length > 0) this.#work.shift()?.();
  }
}

function follow() {
  const played = new PlayedFeed();
  const screen = new Screen();
  const feed = new RunFeed(played.transport, "workspaces/w/runs/r", screen.schedule);
  feed.open();
  return { played, screen, feed };
}

const callIds = fc.constantFrom("c", "d", "e");
const attempts = fc.integer({ min: 1, max: 3 });
const steps = fc.integer({ min: 1, max: 4 });
const commands = fc.constantFrom("p", "q", "r");

/** Anything a journal may hold, also in an order that no engine would write. */
const kind: fc.Arbitrary<Kind> = fc.oneof(
  fc.tuple(steps, attempts).map(([step, attempt]) => asksModel(step, attempt)),
  fc.tuple(fc.string(), steps, attempts).map(([text, step, attempt]) => says(text, step, attempt)),
  fc.tuple(steps, attempts, fc.boolean()).map(([step, attempt, maybeBilled]) => fails(step, attempt, { maybeBilled })),
  fc.tuple(callIds, attempts).map(([id, attempt]) => uses(id, { attempt })),
  fc.tuple(callIds, fc.string(), fc.boolean()).map(([id, content, isError]) => returns(id, content, { isError })),
  callIds.map((id) => asks(id)),
  callIds.map((id) => unsure(id)),
  fc
    .tuple(callIds, fc.constantFrom({ approve: {} }, { reject: { reason: "No" } }, { retry: {} }))
    .map(([id, decision]) => decides(id, decision)),
  fc
    .tuple(commands, fc.constantFrom("PAUSE" as const, "RESUME" as const, "CANCEL" as const))
    .map(([id, what]) => orders(id, what)),
  commands.map((command) => ({ paused: { command } })),
  commands.map((command) => ({ resumed: { command } })),
  fc.constant(takenOver()),
  fc.constant({ teleported: { to: "Mars" } }),
);

const journal = fc
  .tuple(fc.array(kind, { maxLength: 40 }), fc.boolean())
  .map(([kinds, ends]) => [queued, started, ...kinds, ...(ends ? [succeeded()] : [])]);

/** How often the way here is bad before it is good. */
const BAD = 3;

test("split, doubled, lost or out of order: the timeline is the same", () => {
  const trouble = fc.record({
    kinds: journal,
    seed: fc.infiniteStream(fc.nat()),
    splits: fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
  });
  fc.assert(
    fc.property(trouble, ({ kinds, seed, splits }) => {
      const events = recorded(kinds);
      const { played, screen, feed } = follow();
      let heard = 0;
      for (let turn = 0; turn <= BAD; turn += 1) {
        // A watch that was taken up again goes on behind its cursor.
        const cursor = Number(played.asked.at(-1) ?? 0);
        const rest = events.slice(turn === 0 ? 0 : cursor);
        const sent = turn === BAD ? rest : rest.flatMap((event) => troubled(event, rest, seed.next().value));
        heard = played.asked.length;
        for (let at = 0; at < sent.length && played.asked.length === heard; ) {
          const size = splits.next().value;
          played.handlers.frames(sent.slice(at, at + size).map(frameOf));
          if (size % 2 === 0) screen.draw();
          at += size;
        }
        screen.draw();
        if (feed.state.get().stopped) feed.open();
        if (feed.timeline.get().head === events.length) break;
        if (played.asked.length === heard) feed.open();
      }
      expect(feed.timeline.get()).toEqual(timelineOf(kinds));
    }),
    { numRuns: 300 },
  );
});

/** A record that arrives once, twice, not at all, or behind one that comes later. */
function troubled(event: unknown, rest: readonly unknown[], dice: number): unknown[] {
  const later = rest[dice % rest.length];
  switch (dice % 6) {
    case 0:
      return [event, event];
    case 1:
      return [];
    case 2:
      return [later, event];
    default:
      return [event];
  }
}

test("a gap is mended from behind the last record that was taken", () => {
  const events = recorded([queued, started, asksModel(), says("Hello.")]);
  const { played, screen, feed } = follow();
  played.handlers.frames([events[0], events[1], events[3]].map(frameOf));
  screen.draw();
  expect(played.asked).toEqual([null, "2"]);
  expect(feed.timeline.get().head).toBe(2);
  played.handlers.frames(events.slice(2).map(frameOf));
  screen.draw();
  expect(feed.timeline.get().head).toBe(4);
});

test("a gateway that leaves records out for good is left alone, and says where", () => {
  const [first, , third] = recorded([queued, started, asksModel()]);
  const { played, screen, feed } = follow();
  for (let turn = 0; turn < 4; turn += 1) {
    played.handlers.frames([first, third].map(frameOf));
    screen.draw();
  }
  expect(played.watched).toBe(false);
  expect(feed.state.get()).toMatchObject({ stopped: true, problem: { reason: "JOURNAL_GAP" } });
  expect(feed.state.get().problem?.detail).toContain("record 1");
  feed.open();
  expect(feed.state.get()).toMatchObject({ stopped: false, problem: null });
});

test("tokens wake those who show live text and nobody else", () => {
  const { played, screen, feed } = follow();
  played.handlers.frames(recorded([queued, started, asksModel()]).map(frameOf));
  screen.draw();
  const rows = vi.fn();
  const text = vi.fn();
  feed.timeline.subscribe(rows);
  feed.live.subscribe(text);
  const at = { topic: "workspaces/w/runs/r", step: 1, attempt: 1, kind: "text" as const };
  played.handlers.frames([{ type: "partial", ...at, offset: 0, text: "Hel" }]);
  for (let token = 0; token < 50; token += 1) {
    played.handlers.frames([{ type: "delta", ...at, offset: 3 + token, text: "l" }]);
  }
  expect(text).not.toHaveBeenCalled();
  screen.draw();
  expect(text).toHaveBeenCalledTimes(1);
  expect(rows).not.toHaveBeenCalled();
  expect(feed.live.get().text).toBe(`Hel${"l".repeat(50)}`);
  played.handlers.frames([frameOf(recorded([queued, started, asksModel(), says("Hello.")])[3])]);
  screen.draw();
  expect(feed.live.get().text).toBe("");
  expect(rows).toHaveBeenCalledTimes(1);
});

test("a long journal is taken in pieces that leave the screen free", () => {
  const kinds = [
    queued,
    started,
    ...Array.from({ length: 3_000 }, (_, step) => [asksModel(step + 1), says("x", step + 1)]).flat(),
  ];
  const { played, screen, feed } = follow();
  const heads: number[] = [];
  feed.timeline.subscribe(() => heads.push(feed.timeline.get().head));
  played.handlers.frames(recorded(kinds).map(frameOf));
  screen.draw();
  expect(feed.timeline.get().head).toBe(kinds.length);
  expect(heads.length).toBeGreaterThan(2);
});

test("the end is told when everything before it was taken", () => {
  const { played, screen, feed } = follow();
  played.handlers.frames(recorded([queued, started, succeeded()]).map(frameOf));
  played.handlers.end();
  screen.draw();
  expect(feed.state.get()).toEqual({ caughtUp: true, ended: true, problem: null, stopped: false });
});
