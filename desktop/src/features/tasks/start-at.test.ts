import { expect, test } from "vitest";
import { soon, startTimeOf } from "./start-at";

const NOW = Date.parse("2026-11-23T09:40:00Z");

test("a time on the clock of a zone is a moment", () => {
  expect(startTimeOf({ at: "2026-11-23T11:00", zone: "Europe/Berlin" }, NOW)).toEqual({
    time: "2026-11-23T10:00:00.000Z",
  });
});

test.each([
  ["2026-11-23T09:40", "UTC", { field: "at", wrong: "That is over already." }],
  ["", "UTC", { field: "at", wrong: "Say when." }],
  ["2027-11-23T09:41", "UTC", { field: "at", wrong: "A year ahead at the most." }],
  ["2026-11-23T11:00", "Mars/Base", { field: "zone", wrong: "There is no such time zone." }],
])("%s in %s is told to be wrong", (at, zone, wrong) => expect(startTimeOf({ at, zone }, NOW)).toEqual(wrong));

test("the last moment of a year ahead is taken", () =>
  expect(startTimeOf({ at: "2027-11-23T09:40", zone: "UTC" }, NOW)).toHaveProperty("time"));

test("what one begins with is the next full hour that is not too near", () => {
  expect(soon("UTC", NOW)).toEqual({ at: "2026-11-23T11:00", zone: "UTC" });
  expect(soon("Europe/Berlin", Date.parse("2026-11-23T09:10:00Z")).at).toBe("2026-11-23T11:00");
});
