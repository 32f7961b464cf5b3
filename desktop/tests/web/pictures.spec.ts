// Every screen with something on it, in both themes and two widths: nothing may stick out, and each picture is kept to be
// looked at. The last one is docs/images/run.png: copy it from pictures/run.png of scripts/ui.sh's output.
import { idOf } from "~/shared/format/name";
import type { System } from "./system";
import { setting } from "./system";
import { take } from "./take";
import { enter, expect, test } from "./test";

/** A team at work: something in every state. */
async function populate(system: System, workspace: string) {
  const member = (name: string, role: string, model: string, asks = false) =>
    system.member(workspace, { name, role, model: `simulator/${model}`, asks });
  const ana = await member("Ana", "Researcher", "demo", true);
  const noa = await member("Noa", "Technical writer", "demo");
  const rui = await member("Rui", "Release engineer", "slow");
  const mia = await member("Mia", "Support", "asks");
  const max = await member("Max", "Data entry", "repeats");
  const task = async (title: string, assignee: string, brief = "") => {
    const run = await system.start(await system.task(workspace, { title, brief, assignee }));
    return { title, run, id: idOf(run) };
  };
  const finished = await task("Draft the release notes for 2.4", noa, "What changed since 2.3, in the users' words.");
  await task("Enter last month's invoices", max);
  const cancelled = await task("Translate the handbook into Latin", rui);
  await system.post(`${cancelled.run}:cancel`, { reason: "Nobody reads it" });
  const paused = await task("Check the changelog against the tickets", rui);
  await system.post(`${paused.run}:pause`, { reason: "" });
  await task("Prepare the answer to the audit", mia, "Short and complete.");
  const waiting = await task(
    "Summarise this week's incident reports",
    ana,
    "One page for the Monday meeting: what broke, why, and what we changed. Leave out names of customers.",
  );
  await system.task(workspace, { title: "Plan the autumn offsite" });
  return { finished, paused, waiting, rui };
}

test("every screen", async ({ desk, system, workspace, browser }) => {
  test.setTimeout(240_000);
  await take(desk, "inbox-empty");
  for (const place of ["tasks", "runs", "team"]) {
    await desk.goto(`/${place}`);
    await expect(desk.getByRole("main").getByRole("heading", { level: 2 })).toBeVisible();
    await take(desk, `${place}-empty`);
  }

  const world = await populate(system, workspace);
  await desk.goto("/runs");
  const row = (name: RegExp) => desk.getByRole("list", { name: "Runs" }).getByRole("link", { name });
  for (const standing of [
    /failed.*invoices/,
    /cancelled.*Latin/,
    /paused.*changelog/,
    /asks you.*audit/,
    /succeeded.*notes/,
  ]) {
    await expect(row(standing)).toBeVisible({ timeout: 40_000 });
  }
  await expect(row(/needs approval.*incident/)).toBeVisible();
  const running = await system.start(
    await system.task(workspace, { title: "Build the nightly packages", assignee: world.rui }),
  );
  await expect(row(/running.*nightly/)).toBeVisible();
  await take(desk, "runs");
  await row(/failed.*invoices/).click();
  await expect(desk.getByRole("link", { name: "Open the run" })).toBeVisible();
  await take(desk, "runs-peek");

  await desk.goto(`/runs/${idOf(running)}`);
  await expect(desk.getByRole("log", { name: "Journal" })).toContainText("One two");
  await take(desk, "run-live");
  await desk.goto(`/runs/${world.waiting.id}`);
  await expect(desk.getByRole("log", { name: "Journal" })).toContainText("I start with a short report");
  await take(desk, "run-approval");
  await desk.goto(`/runs/${world.finished.id}`);
  await expect(desk.getByRole("log", { name: "Journal" })).toContainText("Wrote a short report");
  await take(desk, "run-finished");

  await desk.goto("/inbox");
  await expect(desk.getByRole("region", { name: "What is asked" })).toContainText("asks");
  await take(desk, "inbox-question");
  await desk.getByRole("link", { name: /incident reports/ }).click();
  await expect(desk.getByRole("heading", { name: "Ana wants to write report.md" })).toBeVisible();
  await take(desk, "inbox-approval");
  await desk.keyboard.press("e");
  await expect(desk.getByLabel("media_type")).toBeFocused();
  await take(desk, "inbox-edit");
  await desk.keyboard.press("Escape");
  await desk.keyboard.press("r");
  await expect(desk.getByLabel("Why not?")).toBeFocused();
  await take(desk, "inbox-reject");

  await desk.goto("/tasks");
  await expect(desk.getByRole("list", { name: "Tasks" }).getByRole("link")).toHaveCount(8);
  await take(desk, "tasks");
  await desk.getByRole("link", { name: /release notes/ }).click();
  await expect(desk.getByRole("region", { name: /release notes/ })).toBeVisible();
  await take(desk, "tasks-peek");
  await desk.goto("/tasks/new");
  await desk.getByLabel("What is to be done?").fill("Fix the flaky login test");
  await desk.getByRole("button", { name: "Add a check" }).click();
  await take(desk, "new-task");

  await desk.goto("/team");
  await desk.getByRole("link", { name: /Ana/ }).click();
  await expect(desk.getByRole("region", { name: "Ana" })).toBeVisible();
  await take(desk, "team-peek");
  await desk.goto("/team/new");
  await desk.getByRole("radiogroup", { name: "Change things on the web: policy" }).getByText("Ask me").click();
  await desk.getByRole("button", { name: "Add to the team" }).click();
  await take(desk, "new-member");
  await desk.goto("/settings");
  await expect(desk.getByRole("heading", { level: 1, name: "Settings" })).toBeVisible();
  await take(desk, "settings");
  await desk.keyboard.press("Control+k");
  await expect(desk.getByRole("combobox")).toBeFocused();
  await take(desk, "palette");
  await desk.keyboard.press("Escape");
  await desk.keyboard.press("?");
  await expect(desk.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await take(desk, "shortcuts");

  const visitor = await browser.newPage();
  await visitor.goto(`${system.url}/sign-in#code=mc_otc_old`);
  await expect(visitor.getByRole("alert")).toBeVisible();
  await take(visitor, "sign-in-used");
  await visitor.goto(`${system.url}/sign-in`);
  await visitor.reload();
  await expect(visitor.getByRole("alert")).toHaveCount(0);
  await take(visitor, "sign-in");
  await visitor.close();
});

test("the picture in the README", async ({ browser, system }) => {
  const workspace = await system.workspace("Acme");
  const assignee = await system.member(workspace, {
    name: "Ana",
    role: "Researcher",
    model: "simulator/errand",
    reaches: "hooks.acme.example",
  });
  const title = "Report on last week's incidents";
  const brief = "One page for the Monday meeting. Send word to https://hooks.acme.example/reports when it is there.";
  const run = await system.start(await system.task(workspace, { title, brief, assignee }));
  const page = await browser.newPage({ viewport: { width: 1280, height: 760 }, deviceScaleFactor: 1.5 });
  await enter(page, system, workspace);
  await page.goto(`/runs/${idOf(run)}`);
  const asked = page.getByRole("region", { name: "What is asked" });
  await expect(asked).toContainText("Ana wants to POST https://hooks.acme.example/reports");
  await expect(page.getByRole("log", { name: "Journal" })).toContainText("Now I send word that it is ready.");
  await expect(page.getByRole("contentinfo")).toContainText(/1 needs you.*today \$0\.00[1-9]/);
  const path = `${setting("MC_E2E_OUTPUT")}/pictures/run.png`;
  const picture = await page.screenshot({ path, animations: "disabled", caret: "hide" });
  expect(picture.length).toBeLessThan(300_000);
  await page.close();
});
