// Every screen, in both themes, against axe's rules for WCAG 2.2 AA.
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import type { Hand } from "../shared/hand";
import { addMember, go, openInbox, startTask } from "../shared/steps";
import { expect, test } from "./test";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe finds on the screen as it is, in both themes. */
async function findings(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
    for (const { id, nodes } of violations) {
      found.push(...nodes.map((node) => `${colorScheme} ${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
    }
  }
  return found;
}

test("signing in", async ({ page, system }) => {
  await page.goto(system.url);
  await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
  expect.soft(await findings(page)).toEqual([]);
});

test("screens with nothing on them yet", async ({ desk, hand }) => {
  for (const [place, sign] of [
    [/^Inbox/, "Welcome. Give somebody something to do."],
    ["Tasks", "Nothing to do yet"],
    [/^Runs/, "Nothing has run yet"],
    ["Team", "Nobody is on the team yet"],
  ] as const) {
    await hand.click("link", place);
    await hand.sees("heading", sign);
    expect.soft(await findings(desk), sign).toEqual([]);
  }
});

test("forms, settings, the palette and the sheet of keys", async ({ desk, hand }) => {
  const screens: readonly [string, () => Promise<void>][] = [
    ["new member", () => memberForm(hand)],
    ["new task", () => taskForm(hand)],
    ["settings", () => hand.click("link", "Settings")],
    ["palette", () => hand.press("Control+k")],
    ["sheet", () => hand.press("Escape", "?")],
  ];
  for (const [name, open] of screens) {
    await open();
    expect.soft(await findings(desk), name).toEqual([]);
  }
});

async function memberForm(hand: Hand): Promise<void> {
  await go(hand, "Team");
  await hand.click("link", "New team member");
  // What is wrong is on the screen too.
  await hand.click("button", "Add to the team");
  await hand.reads("Give it a name.");
}

async function taskForm(hand: Hand): Promise<void> {
  await hand.click("link", "New task");
  await hand.click("button", "Start");
  await hand.reads("Say in one line what is to be done.");
}

test("a run that waits, its item in the inbox, and lists with something in them", async ({ desk, hand }) => {
  await addMember(hand, { name: "Ana", role: "Writer", model: "simulator/demo", asks: ["Write files"] });
  expect.soft(await findings(desk), "team").toEqual([]);
  await startTask(hand, { title: "Oil the hinges", brief: "All of them." });
  await hand.reads("needs approval");
  expect.soft(await findings(desk), "run").toEqual([]);
  await openInbox(hand, "Oil the hinges");
  expect.soft(await findings(desk), "inbox").toEqual([]);
  await hand.click("button", "Edit");
  expect.soft(await findings(desk), "editing").toEqual([]);
  await hand.click("button", "As JSON");
  expect.soft(await findings(desk), "editing as JSON").toEqual([]);
  await hand.press("Escape");
  for (const screen of ["Tasks", "Runs"] as const) {
    await go(hand, screen);
    await hand.click("link", /Oil the hinges/);
    await hand.sees("region", "Oil the hinges");
    expect.soft(await findings(desk), screen).toEqual([]);
  }
});

test("rules, schedules, and deciding several at once", async ({ desk, hand, system, workspace }) => {
  const assignee = await system.member(workspace, { name: "Ana", role: "Writer", model: "simulator/demo", asks: true });
  for (const title of ["Oil the hinges", "Grease the wheels"]) {
    await system.start(await system.task(workspace, { title, assignee }));
  }
  await desk.goto("/inbox/rules");
  await hand.sees("heading", "You are asked every time");
  expect.soft(await findings(desk), "no rules").toEqual([]);
  await desk.goto("/inbox");
  await expect(desk.getByRole("list", { name: "Inbox" }).getByRole("link")).toHaveCount(2);
  await hand.sees("button", "Always allow...");
  await hand.press("l");
  await hand.sees("button", "Approve and save the rule");
  expect.soft(await findings(desk), "always allow").toEqual([]);
  await hand.press("Control+Enter");
  await hand.reads(/^Approved\. /);
  await hand.press("x");
  await desk.goto("/inbox/rules");
  await hand.click("link", /may use write_artifact/);
  await hand.sees("button", "Revoke");
  expect.soft(await findings(desk), "rules").toEqual([]);
  for (const title of ["Paint the gate", "Sand the bench"]) {
    await system.start(await system.task(workspace, { title, assignee }));
  }
  await desk.goto("/inbox");
  await expect(desk.getByRole("list", { name: "Inbox" }).getByRole("link")).toHaveCount(3);
  await hand.click("button", "Choose all");
  await hand.sees("region", "Decide together");
  expect.soft(await findings(desk), "deciding together").toEqual([]);
  await hand.press("a");
  await hand.sees("region", "What became of them");
  expect.soft(await findings(desk), "fates").toEqual([]);

  await desk.goto("/schedules/new");
  await expect(desk.getByRole("region", { name: "Next fires" }).getByRole("listitem")).not.toHaveCount(0);
  await hand.click("button", "Put it on the clock");
  await hand.reads("Give it a name.");
  expect.soft(await findings(desk), "new schedule").toEqual([]);
  await hand.fill("Name", "Nightly round");
  await hand.fill("What is to be done?", "Walk round");
  await hand.click("button", "Put it on the clock");
  await hand.sees("region", "Nightly round");
  await hand.click("button", "Run now");
  await expect(desk.getByRole("list", { name: "History" })).toContainText("Started");
  expect.soft(await findings(desk), "schedules").toEqual([]);
  await desk.goto("/tasks/new");
  await hand.fill("What is to be done?", "Light the lamps");
  await desk.getByRole("radio", { name: "Later" }).check();
  expect.soft(await findings(desk), "start later").toEqual([]);
});

test("the board: filters, a task with everything, picking, and several at once", async ({
  desk,
  hand,
  system,
  workspace,
}) => {
  const assignee = await system.member(workspace, { name: "Ana", role: "Writer", model: "simulator/demo" });
  const made = await system.post<{ task: { name: string } }>(`${workspace}/tasks`, {
    title: "Oil the hinges",
    brief: "All of them.",
    assignee,
    priority: "TASK_PRIORITY_URGENT",
    labels: ["doors", "oil"],
    dueTime: "2026-01-01T09:00:00Z",
    acceptanceChecks: ["Nothing squeaks"],
    source: { gitUrl: "https://git.acme.example/doors.git" },
  });
  const whole = made.task.name;
  await system.post(`${workspace}/tasks`, { title: "Open the gate", blockedBy: [whole], parentTask: whole });
  await system.post(`${whole}/comments`, { text: "Use the **good** oil." });
  await desk.goto("/tasks?order=priority&labels=doors");
  await hand.click("link", /Oil the hinges/);
  const peek = desk.getByRole("region", { name: "Oil the hinges" });
  await expect(peek.getByRole("region", { name: "Comments" }).getByRole("listitem")).toBeVisible();
  await expect(peek.getByRole("region", { name: "Parts" }).getByRole("link")).toBeVisible();
  expect.soft(await findings(desk), "a task").toEqual([]);
  await hand.press("p");
  await expect(desk.getByRole("menu")).toBeVisible();
  expect.soft(await findings(desk), "picking").toEqual([]);
  await desk.getByRole("menuitemradio", { name: "High" }).click();
  await hand.press("b");
  await expect(desk.getByRole("option")).toBeVisible();
  expect.soft(await findings(desk), "finding a task").toEqual([]);
  await desk.getByRole("option").click();
  await expect(peek.getByRole("alert")).toContainText("around in a circle");
  await hand.press("e");
  await peek.getByRole("button", { name: "Change the brief" }).click();
  expect.soft(await findings(desk), "changing in place").toEqual([]);
  await desk.goto("/tasks");
  await expect(desk.getByRole("list", { name: "Tasks" }).getByRole("link")).toHaveCount(2);
  await hand.press("j", "x");
  await hand.click("button", "Choose all");
  await hand.sees("region", "Change together");
  expect.soft(await findings(desk), "several").toEqual([]);
  await hand.press("s");
  await hand.sees("region", "What became of them");
  expect.soft(await findings(desk), "fates of several").toEqual([]);
});

test("notifications: channels, their form, a secret and deliveries", async ({ desk, hand, system, workspace }) => {
  await system.member(workspace, { name: "Ana", role: "Writer", model: "simulator/demo" });
  await desk.goto("/settings/notifications");
  await hand.sees("heading", "Nobody is told outside of this window");
  expect.soft(await findings(desk), "no channels").toEqual([]);
  await hand.click("link", "New channel");
  await hand.click("button", "Make the channel");
  await hand.reads("Give it a name.");
  expect.soft(await findings(desk), "new channel").toEqual([]);
  await hand.fill("Name", "On call");
  await hand.fill("Address", "https://pager.acme.example/hook");
  await hand.click("button", "Make the channel");
  await hand.sees("dialog", /The signing secret of/);
  expect.soft(await findings(desk), "secret").toEqual([]);
  await hand.click("button", "I have kept it");
  await hand.click("button", "Send a test");
  await expect(desk.getByRole("list", { name: "Deliveries" }).getByRole("listitem")).toContainText("Tried");
  expect.soft(await findings(desk), "a channel").toEqual([]);
  await hand.click("button", "Deliveries");
  await expect(desk.getByRole("list", { name: "Deliveries" })).toContainText("to On call");
  expect.soft(await findings(desk), "deliveries").toEqual([]);
});
