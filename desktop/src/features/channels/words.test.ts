import { expect, test } from "vitest";
import { Delivery } from "~/api/gen/schemas";
import { channelLook, delayWords, deliveryLook, hostOf, KINDS, kindsWords, USUAL_KINDS } from "./words";

const delivery = (more: object) => Delivery.parse({ name: "workspaces/w/deliveries/d", ...more });

test("nothing said is the usual, and all of it is everything", () => {
  expect(kindsWords([])).toBe(kindsWords(USUAL_KINDS));
  expect(kindsWords([])).toBe("approvals, questions, unknown outcomes, overdue approvals, limits, failures");
  expect(kindsWords(KINDS.map(({ value }) => value))).toBe("everything");
  expect(kindsWords(["NOTIFICATION_KIND_SUCCESS", "UNKNOWN_12"])).toBe(
    "successes, 1 kind that this version does not know",
  );
});

test.each([
  [undefined, "at once"],
  ["0s", "at once"],
  ["90s", "after 90 s"],
  ["900s", "after 15 min"],
  ["7200s", "after 2 h"],
])("%s is told %s", (delay, words) => expect(delayWords(delay)).toBe(words));

test("a channel is on, off, or gone by its receiver's word", () => {
  expect(channelLook({ disabled: false, disableReason: "" })[1]).toBe("on");
  expect(channelLook({ disabled: true, disableReason: "" })[1]).toBe("off");
  expect(channelLook({ disabled: true, disableReason: "GONE" })).toEqual(["failed", "gone"]);
});

test("what became of a delivery is said with how often it was tried", () => {
  const soon = new Date().toISOString();
  const later = new Date(Date.now() + 60_000).toISOString();
  const pending = "DELIVERY_STATE_PENDING";
  expect(deliveryLook(delivery({ state: pending, nextAttemptTime: soon }))).toEqual(["running", "On its way"]);
  expect(deliveryLook(delivery({ state: pending, nextAttemptTime: later }))).toEqual(["running", "Waits"]);
  expect(deliveryLook(delivery({ state: pending, attempts: 2 }))[1]).toBe("Tried 2 times, not there yet");
  expect(deliveryLook(delivery({ state: "DELIVERY_STATE_DEAD", attempts: 1 }))[1]).toBe("Given up after 1 attempt");
  expect(deliveryLook(delivery({ state: "UNKNOWN_9" }))[0]).toBe("unknown");
});

test("of an address the host is shown, whatever it is", () => {
  expect(hostOf("https://hooks.acme.example:8443/a/b")).toBe("hooks.acme.example:8443");
  expect(hostOf("hooks.slack.com")).toBe("hooks.slack.com");
});
