import { expect, test } from "vitest";
import { instantOf, isZone, localOf, localWords, nextShift, offsetMinutes, zones } from "./zone";

const at = (time: string) => Date.parse(time);

test("clocks are ahead of UTC by what they are", () => {
  expect(offsetMinutes("UTC", at("2026-07-01T00:00:00Z"))).toBe(0);
  expect(offsetMinutes("Europe/Berlin", at("2026-01-01T00:00:00Z"))).toBe(60);
  expect(offsetMinutes("Europe/Berlin", at("2026-07-01T00:00:00Z"))).toBe(120);
  expect(offsetMinutes("Asia/Kathmandu", at("2026-07-01T00:00:00Z"))).toBe(345);
  expect(offsetMinutes("Nowhere/At all", 0)).toBeNull();
  expect(isZone("")).toBe(false);
});

test("the next change of a clock is found to the minute", () => {
  const from = at("2026-11-23T09:00:00Z");
  expect(nextShift("Europe/Berlin", from)).toEqual({ at: at("2027-03-28T01:00:00Z"), minutes: 60 });
  expect(nextShift("America/New_York", at("2026-06-01T00:00:00Z"))).toEqual({
    at: at("2026-11-01T06:00:00Z"),
    minutes: -60,
  });
  expect(nextShift("UTC", from)).toBeNull();
});

test("a local time is a moment: the first of two, and behind the gap what is in it", () => {
  expect(instantOf("2026-07-01T09:00", "Europe/Berlin")).toBe(at("2026-07-01T07:00:00Z"));
  expect(instantOf("2026-10-25T02:30", "Europe/Berlin")).toBe(at("2026-10-25T00:30:00Z"));
  expect(instantOf("2026-03-29T02:30", "Europe/Berlin")).toBe(at("2026-03-29T01:30:00Z"));
  expect(instantOf("2026-03-29T03:00", "Europe/Berlin")).toBe(at("2026-03-29T01:00:00Z"));
  expect(instantOf("never", "UTC")).toBeNull();
  expect(instantOf("2026-07-01T09:00", "Nowhere/At all")).toBeNull();
});

test("a moment is what the zone's clock shows, there and back", () => {
  for (const zone of ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]) {
    const time = at("2026-07-01T07:13:00Z");
    expect(instantOf(localOf(time, zone), zone)).toBe(time);
  }
});

test("a local time is said as its own clock has it", () => {
  expect(localWords("2026-03-29T03:00:00+02:00")).toMatch(/^Sun,? 29 Mar 2026.*03:00$/);
  expect(localWords("soon")).toBe("soon");
});

test("UTC comes first among the zones, and once", () => {
  expect(zones()[0]).toBe("UTC");
  expect(zones().filter((zone) => zone === "UTC")).toHaveLength(1);
});
