// The newcomer's first ten minutes in the desktop window: in by the link, a task, an approval, its result; still signed in
// after a restart; and nothing left behind after signing out.
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { addMember, approve, openInbox, openRun, startTask } from "../shared/steps";
import { Driver, keychainAccounts, setting, type Window } from "./app";

const GATEWAY = setting("MC_E2E_URL");
const TITLE = "Report on the moons of Saturn";

let driver: Driver;
let window: Window;
beforeAll(async () => {
  driver = await Driver.start();
  window = await driver.open();
});
afterEach(async ({ task }) => {
  // A window that is not there has no picture; the test has failed for its own reason.
  if (task.result?.state === "fail")
    await window.picture(`failed-${task.name.replace(/\W+/g, "-")}`).catch(() => undefined);
});
afterAll(async () => {
  await window?.close();
  driver?.stop();
});

test("a link that is none is told before it is sent", async () => {
  const { hand } = window;
  await hand.fill("Sign-in link", `${GATEWAY}/sign-in`);
  await hand.press("Enter");
  await hand.reads("This is no sign-in link: it has no code. Copy it whole.");
  await window.picture("1-sign-in");
  expect(keychainAccounts()).toEqual([]);
});

test("the one-time link signs in at the gateway that it names", async () => {
  const { hand } = window;
  await hand.fill("Sign-in link", setting("MC_E2E_SIGN_IN"));
  await hand.press("Enter");
  await hand.sees("heading", "Welcome. Give somebody something to do.");
  await hand.reads("connected");
  await window.picture("2-welcome");
  expect(keychainAccounts()).toEqual([GATEWAY]);
});

test("no token is where the page or anybody else could read it", async () => {
  const stored = await window.driver.run(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
  );
  expect(stored).not.toMatch(/mc_(ses|ref|otc|pat)_/);
  const settings = readFileSync(`${setting("XDG_CONFIG_HOME")}/app.missioncontrol.desktop/settings.json`, "utf8");
  expect(JSON.parse(settings)).toMatchObject({ gateways: [GATEWAY, expect.any(String)] });
  expect(settings).not.toContain("mc_");
});

test("a task is written, watched, approved and finished", async () => {
  const { hand } = window;
  await addMember(hand, { name: "Ana", role: "Researcher", model: "simulator/demo", asks: ["Write files"] });
  await startTask(hand, { title: TITLE, brief: "One page, for people in a hurry." });
  await hand.sees("heading", TITLE);
  await hand.reads(`I start with a short report on “${TITLE}”.`);
  await hand.reads("needs approval");
  await window.picture("3-run-waits");
  await openInbox(hand, TITLE);
  await hand.sees("heading", "Ana wants to write report.md");
  await window.picture("4-inbox");
  await approve(hand);
  await hand.sees("heading", "Nothing needs you");
  await openRun(hand, TITLE);
  await hand.reads("Wrote a short report");
  await hand.reads("succeeded");
  await window.picture("5-run-done");
});

test("the program that is started again is still signed in", async () => {
  await window.close();
  window = await driver.open();
  const { hand } = window;
  await hand.sees("heading", "Inbox");
  await hand.reads("connected");
  await hand.click("link", "Tasks");
  await hand.sees("link", new RegExp(`done.*${TITLE}`));
  await window.picture("6-tasks");
});

test("signing out leaves nothing in the keychain, now and after a start", async () => {
  const { hand } = window;
  await hand.click("link", "Settings");
  await hand.reads("Kept in the keychain of this machine.");
  await window.picture("7-settings");
  await hand.click("button", "Sign out");
  await hand.reads("You are signed out.");
  expect(keychainAccounts()).toEqual([]);
  await window.close();
  window = await driver.open();
  await window.hand.sees("button", "Sign in");
});
