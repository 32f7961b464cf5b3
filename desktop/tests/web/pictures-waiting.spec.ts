// Screens of what waits: in the inbox, by a rule, by the clock; in both themes and two widths.
import { take } from "./take";
import { expect, test } from "./test";

test("what waits, and what need not be asked", async ({ desk, system, workspace }) => {
  test.setTimeout(240_000);
  await desk.goto("/inbox/rules");
  await expect(desk.getByRole("heading", { level: 2 })).toBeVisible();
  await take(desk, "rules-empty");
  await desk.goto("/schedules");
  await expect(desk.getByRole("heading", { level: 2 })).toBeVisible();
  await take(desk, "schedules-empty");

  const ana = await system.member(workspace, {
    name: "Ana",
    role: "Researcher",
    model: "simulator/errand",
    reaches: "hooks.acme.example",
  });
  const mia = await system.member(workspace, { name: "Mia", role: "Support", model: "simulator/asks" });
  const brief = "One page for the Monday meeting. Send word to https://hooks.acme.example/reports when it is there.";
  const start = async (title: string, assignee: string) =>
    system.start(await system.task(workspace, { title, brief, assignee }));
  for (const title of ["Report on last week's incidents", "Report on open invoices", "Report on new sign-ups"]) {
    await start(title, ana);
  }
  await start("Prepare the answer to the audit", mia);
  await desk.goto("/inbox");
  const rows = desk.getByRole("list", { name: "Inbox" }).getByRole("link");
  await expect(rows).toHaveCount(4, { timeout: 60_000 });
  await rows.filter({ hasText: "incidents" }).click();
  await expect(desk.getByRole("region", { name: "What led to this" })).toBeVisible();
  await take(desk, "inbox-context");
  await desk.keyboard.press("w");
  await expect(desk.getByLabel("What should it read instead?")).toBeFocused();
  await take(desk, "inbox-respond");
  await desk.keyboard.press("Escape");
  await desk.keyboard.press("l");
  const form = desk.getByRole("form", { name: "Always allow this" });
  await form.getByLabel("url may be").selectOption("below");
  await form.getByLabel("body may be").selectOption("any");
  await take(desk, "inbox-always");
  await desk.getByRole("button", { name: "Approve and save the rule" }).click();
  await expect(desk.getByText(/^Approved\. /)).toBeVisible();
  await desk.getByRole("button", { name: "Choose all" }).click();
  await take(desk, "inbox-batch-mixed");
  await desk.getByRole("button", { name: /Only the 2 approvals/ }).click();
  await take(desk, "inbox-batch");
  await desk.keyboard.press("a");
  await expect(desk.getByRole("region", { name: "What became of them" })).toBeVisible();
  await take(desk, "inbox-fates");
  await desk.goto("/inbox/rules");
  await desk.getByRole("link", { name: /may use http_request/ }).click();
  await expect(desk.getByRole("region", { name: "The rule" })).toBeVisible();
  await take(desk, "rules");

  for (const [displayName, cron, timeZone] of [
    ["Morning brief", "0 9 * * 1-5", "Europe/Berlin"],
    ["Nightly triage", "30 2 * * *", "America/New_York"],
    ["Stand-in", "*/15 * * * *", "UTC"],
  ] as const) {
    const template = { title: `${displayName}: what is new`, assignee: mia, brief };
    const made = await system.post<{ schedule: { name: string } }>(`${workspace}/schedules`, {
      displayName,
      cron,
      timeZone,
      template,
    });
    if (displayName !== "Stand-in") await system.post(`${made.schedule.name}:run`, {});
    else await system.post(`${made.schedule.name}:pause`, {});
  }
  await desk.goto("/schedules");
  await desk.getByRole("link", { name: /Nightly triage/ }).click();
  await expect(desk.getByRole("list", { name: "History" })).toContainText("Started");
  await take(desk, "schedules");
  await desk.goto("/schedules/new");
  await desk.getByLabel("When", { exact: true }).fill("30 2 * * *");
  await desk.getByLabel("Time zone").fill("Europe/Berlin");
  await expect(desk.getByRole("region", { name: "Next fires" })).toContainText("clocks");
  await desk.getByRole("button", { name: "Put it on the clock" }).click();
  await take(desk, "schedule-new");

  await desk.goto("/tasks/new");
  await desk.getByLabel("What is to be done?").fill("Light the lamps");
  await desk.getByRole("radio", { name: "Later" }).check();
  await take(desk, "task-later");
  await desk.getByLabel("Assignee").selectOption(mia);
  await desk.getByRole("button", { name: "Start it then" }).click();
  await expect(desk.getByRole("region", { name: "What it waits for" })).toBeVisible();
  await take(desk, "run-later");
  await desk.goto("/team/new");
  await desk.getByRole("radiogroup", { name: "Write files: policy" }).getByText("Ask me").click();
  await desk.getByLabel("Dollars").fill("2.50");
  await take(desk, "member-limits");
});
