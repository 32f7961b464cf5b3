// Work that the clock starts: seen before it is saved, fired by hand and by the clock, stopped, changed and deleted.
import { go } from "../shared/steps";
import { expect, test } from "./test";

const MEMBER = { name: "Noa", role: "Night watch", model: "simulator/demo" };

test("a schedule is seen before it is saved, fires by hand, rests, and is deleted", async ({
  desk,
  hand,
  system,
  workspace,
}) => {
  await system.member(workspace, MEMBER);
  await desk.goto("/schedules");
  await hand.sees("heading", "Nothing is on the clock");
  await hand.click("link", "New schedule");
  const next = desk.getByRole("region", { name: "Next fires" });
  await hand.fill("Name", "Nightly round");
  await hand.fill("When", "30 2 * * *");
  await hand.fill("Time zone", "Europe/Berlin");
  await expect(next.getByRole("listitem").first()).toContainText("02:30");
  // The next change of the clocks is shown, however far off it is.
  await expect(next).toContainText(
    /comes twice on that day, and it fires the first time alone|does not exist on that day, so it fires at 03:00/,
  );

  await hand.fill("When", "61 2 * * *");
  await expect(desk.getByRole("alert")).toContainText("Minute");
  await hand.fill("When", "30 2 * * *");
  await hand.fill("Time zone", "Europe/Atlantis");
  await expect(desk.getByRole("alert").first()).toBeVisible();
  await hand.fill("Time zone", "Europe/Berlin");
  await expect(desk.getByRole("alert")).toHaveCount(0);
  await hand.fill("What is to be done?", "Walk round the harbour");
  await hand.press("Control+Enter");

  const peek = desk.getByRole("region", { name: "Nightly round" });
  await expect(peek).toContainText("Every day at 02:30, Europe/Berlin.");
  await expect(peek).toContainText("It has not fired yet.");
  await hand.press("f");
  const history = peek.getByRole("list", { name: "History" });
  await expect(history.getByRole("listitem")).toContainText("Started by you, by hand");
  await expect(desk.getByRole("list", { name: "Schedules" }).getByRole("link")).toContainText("Started");
  await hand.press("p");
  await expect(peek).toContainText("paused");
  await expect(peek).toContainText("Its clock stands.");
  await hand.press("p");
  await expect(peek).toContainText("Next in");

  await history.getByRole("link", { name: "Its run" }).click();
  await expect(desk.getByRole("heading", { level: 1, name: "Walk round the harbour" })).toBeVisible();
  await expect(desk.getByRole("main").locator("header")).toContainText("succeeded");

  await hand.press("g", "h");
  await hand.click("link", /Nightly round/);
  await hand.click("link", "Edit");
  await expect(desk.getByRole("heading", { level: 1, name: "Nightly round" })).toBeVisible();
  await hand.fill("Name", "Noon round");
  await hand.click("button", "Every hour");
  await desk.getByLabel("When the run before has not ended").selectOption({ label: "Cancel that one and start anew" });
  await hand.click("button", "Save");
  await expect(desk.getByRole("region", { name: "Noon round" })).toContainText("it cancels it and starts anew");

  await hand.click("button", "Delete");
  await hand.click("button", "Delete the schedule");
  await hand.sees("heading", "Nothing is on the clock");
  await go(hand, "Tasks");
  await expect(desk.getByRole("link", { name: /Walk round the harbour/ })).toBeVisible();
});

test("the clock fires it, once", async ({ desk, hand, system, workspace }) => {
  const assignee = await system.member(workspace, MEMBER);
  await system.post(`${workspace}/schedules`, {
    displayName: "Every minute",
    cron: "* * * * *",
    timeZone: "UTC",
    template: { title: "Look at the tide", assignee },
  });
  await hand.press("g", "h");
  await hand.click("link", /Every minute/);
  const history = desk.getByRole("list", { name: "History" });
  await expect(history.getByRole("listitem").first()).toContainText("Started", { timeout: 75_000 });
  await expect(history).not.toContainText("by hand");
});

test("a task starts later: until then it is queued, says when, and can be taken back", async ({
  desk,
  hand,
  system,
  workspace,
}) => {
  await system.member(workspace, MEMBER);
  await desk.goto("/tasks/new");
  await hand.fill("What is to be done?", "Light the lamps");
  await desk.getByRole("radio", { name: "Later" }).check();
  await expect(desk.getByText(/^In (\d|1 h).* here\.$/)).toBeVisible();
  await hand.fill("Start at", "2020-01-01T09:00");
  await hand.click("button", "Start it then");
  await hand.reads("That is over already.");
  const soon = new Date(Date.now() + 3 * 3_600_000).toISOString().slice(0, 16);
  await hand.fill("Start at", soon);
  await hand.click("button", "Start it then");
  const head = desk.getByRole("main").locator("header");
  await expect(head).toContainText("queued");
  await expect(head).toContainText(/starts in (3 h|2 h 5\d min)/);
  await expect(desk.getByRole("region", { name: "What it waits for" })).toContainText("cancel it to take it back");
  await hand.click("button", "Cancel");
  await hand.click("button", "Cancel the run");
  await expect(head).toContainText("cancelled");
});
