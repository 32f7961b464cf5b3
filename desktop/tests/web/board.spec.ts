// The board: what presses, what belongs to what and what waits for what; found, changed in place, and many at once.
import type { Task } from "~/api/gen/schemas";
import { expect, test } from "./test";

const MEMBER = { name: "Noa", role: "Night watch", model: "simulator/demo" };
const board = "Tasks";

test("a task is placed, tied and talked about where it stands, by keys", async ({ desk, hand, system, workspace }) => {
  await system.member(workspace, MEMBER);
  for (const title of ["Lay the keel", "Raise the mast", "Set sail"]) await system.task(workspace, { title });
  await desk.goto("/tasks");
  const rows = desk.getByRole("list", { name: board }).getByRole("link");
  await expect(rows).toHaveCount(3);
  await rows.filter({ hasText: "Set sail" }).click();
  const peek = desk.getByRole("region", { name: "Set sail" });

  await hand.press("p");
  await desk.getByRole("menuitemradio", { name: "Urgent" }).click();
  await expect(peek.getByRole("button", { name: "Priority: Urgent" })).toBeVisible();
  await hand.press("a");
  await desk.getByRole("menuitemradio", { name: "Noa" }).click();
  await expect(peek.getByRole("button", { name: "Assignee: Noa" })).toBeVisible();
  await hand.press("d");
  await desk.getByRole("menuitemradio", { name: "Tomorrow" }).click();
  await expect(peek.getByRole("button", { name: "Due time" })).toContainText("tomorrow");
  await hand.press("l");
  await desk.keyboard.type("Sea, voyage");
  await hand.press("Enter", "Escape");
  await expect(peek.getByRole("button", { name: "Take out the label sea" })).toBeVisible();

  // It waits for two; the way around is refused by the names on it.
  for (const title of ["Raise the mast", "Lay the keel"]) {
    await hand.press("b");
    await desk.keyboard.type(title.slice(0, 8));
    await desk.getByRole("option", { name: title }).click();
    await expect(peek.getByRole("region", { name: "Waits for" }).getByRole("link", { name: title })).toBeVisible();
  }
  await expect(peek).toContainText("It can start when the 2 tasks it waits for are done.");
  await rows.filter({ hasText: "Lay the keel" }).click();
  const keel = desk.getByRole("region", { name: "Lay the keel" });
  await hand.press("b");
  await desk.getByRole("option", { name: "Set sail" }).click();
  await expect(keel.getByRole("alert")).toHaveText(
    'That would go around in a circle: "Lay the keel" would be blocked by "Set sail", which is blocked by "Lay the keel".',
  );
  await expect(keel.getByRole("region", { name: "Waits for" }).getByRole("link")).toHaveCount(0);

  // Title, brief, checks, source, parts and comments, where they stand.
  await hand.press("e");
  await hand.fill("Title", "Lay a new keel");
  await hand.press("Enter");
  const named = desk.getByRole("region", { name: "Lay a new keel" });
  await named.getByRole("button", { name: "Change the brief" }).click();
  await hand.fill("Brief", "Of oak.");
  await hand.press("Control+Enter");
  await expect(named.getByText("Of oak.")).toBeVisible();
  await hand.click("button", "Say when it is done");
  await hand.fill("Check 1", "It floats");
  await hand.press("Control+Enter");
  await expect(named.getByRole("listitem").filter({ hasText: "It floats" })).toBeVisible();
  await hand.click("button", /^nowhere in particular/);
  await hand.fill("Repository", "ftp://yard.example/keel");
  await hand.press("Enter");
  await expect(named.getByRole("form").getByRole("alert").first()).toContainText(/^Source git url /);
  await hand.fill("Repository", "https://yard.example/keel.git");
  await hand.press("Enter");
  await expect(named.getByText("https://yard.example/keel.git")).toBeVisible();
  await hand.click("button", "Add a part");
  await desk.keyboard.type("Fell an oak");
  await hand.press("Enter");
  await expect(named.getByRole("region", { name: "Parts" }).getByRole("link", { name: /Fell an oak/ })).toBeVisible();
  await expect(named.getByRole("region", { name: "Parts" })).toContainText("0 of 1 done");
  await named.getByRole("button", { name: "Done", exact: true }).click();
  await hand.press("m");
  await desk.keyboard.type("The oak is **ready**.");
  await hand.press("Control+Enter");
  const comments = named.getByRole("region", { name: "Comments" });
  await expect(comments.getByRole("listitem")).toContainText("The oak is ready.");
  await comments.getByRole("button", { name: "Take back your comment" }).click();
  await expect(comments.getByRole("listitem")).toHaveCount(0);
});

test("comments and changes of others are seen without asking", async ({ desk, system, workspace }) => {
  const task = await system.task(workspace, { title: "Watch the tide" });
  await desk.goto("/tasks");
  await desk.getByRole("link", { name: /Watch the tide/ }).click();
  const peek = desk.getByRole("region", { name: "Watch the tide" });
  await expect(peek.getByRole("textbox", { name: "Say something about it" })).toBeVisible();
  await system.post(`${task}/comments`, { text: "It rises." });
  await expect(peek.getByRole("region", { name: "Comments" })).toContainText("It rises.");
});

test("what is wanted is found and put in order, and a link keeps it", async ({ desk, hand, system, workspace }) => {
  const noa = await system.member(workspace, MEMBER);
  const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
  const made = [];
  for (const task of [
    { title: "Patch the hull", labels: ["hull", "repair"], priority: "TASK_PRIORITY_URGENT", dueTime: ago(2) },
    { title: "Paint the hull", labels: ["hull"], priority: "TASK_PRIORITY_LOW", dueTime: ago(-30), assignee: noa },
    { title: "Sew the sails", brief: "Reporting to the sailmaker.", labels: ["repair"], assignee: noa },
  ]) {
    made.push((await system.post<{ task: Task }>(`${workspace}/tasks`, task)).task.name);
  }
  await system.post(`${workspace}/tasks`, { title: "Leave", blockedBy: [made[0]] });
  await desk.goto("/tasks");
  const rows = desk.getByRole("list", { name: board }).getByRole("link");
  await expect(rows).toHaveCount(4);
  await expect(rows.filter({ hasText: "Patch" })).toContainText("overdue since");
  await expect(rows.filter({ hasText: "Leave" })).toContainText("Blocked by 1 task");

  await desk.getByRole("button", { name: /^Order/ }).click();
  await desk.getByRole("menuitemradio", { name: "Most pressing first" }).click();
  await expect(rows.first()).toContainText("Patch the hull");
  await expect(rows.last()).toContainText("Paint the hull");
  await desk.getByRole("button", { name: /^Order/ }).click();
  await desk.getByRole("menuitemradio", { name: "Due first" }).click();
  await expect(rows.nth(1)).toContainText("Paint the hull");

  const filter = async (menu: string, item: string) => {
    await hand.press("f");
    await desk.getByRole("menuitem", { name: menu, exact: true }).click();
    await desk.getByRole("menuitem", { name: item, exact: true }).click();
  };
  await filter("Label", "hull");
  await expect(rows).toHaveCount(2);
  await filter("Due", "Overdue");
  await expect(rows).toHaveCount(1);
  await desk.reload();
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText("Patch the hull");
  await hand.click("button", /^Overdue/);
  await hand.click("button", /^hull/);
  await filter("Assignee", "Noa");
  await expect(rows).toHaveCount(2);
  await hand.click("button", /^Noa/);
  await hand.press("f");
  await desk.getByRole("menuitem", { name: "Blocked", exact: true }).click();
  await expect(rows).toHaveCount(1);
  await hand.click("button", /^Blocked/);
  await filter("Priority", "Low");
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText("Paint the hull");
  await hand.click("button", /^Low priority/);

  // Half a word finds what is loaded; a whole one finds its other forms, wherever it stands.
  await hand.press("/");
  await desk.keyboard.type("sew");
  await expect(rows).toHaveCount(1);
  await hand.fill("Find tasks", "report");
  await expect(rows.first()).toContainText("Sew the sails");
  await expect(rows).toHaveCount(1);
  await hand.fill("Find tasks", "hull -paint");
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText("Patch the hull");
  await hand.fill("Find tasks", "the");
  await expect(rows).toHaveCount(3);
  await hand.fill("Find tasks", "whale");
  await hand.sees("heading", "No task fits");
});

test("several tasks are changed and started at once, and each refusal is told", async ({
  desk,
  hand,
  system,
  workspace,
}) => {
  const assignee = await system.member(workspace, MEMBER);
  const first = await system.task(workspace, { title: "First", assignee });
  await system.post(`${workspace}/tasks`, { title: "Second", assignee, blockedBy: [first], labels: ["old"] });
  await system.task(workspace, { title: "Third" });
  await desk.goto("/tasks");
  const rows = desk.getByRole("list", { name: board }).getByRole("link");
  await expect(rows).toHaveCount(3);
  await hand.press("j", "x", "j", "x");
  const together = desk.getByRole("region", { name: "Change together" });
  await expect(together.getByRole("heading", { name: "2 tasks chosen" })).toBeVisible();
  await hand.click("button", "Choose all");
  await together.getByLabel("Priority").selectOption({ label: "High" });
  await together.getByLabel("Add labels").fill("Ship, ready");
  await together.getByLabel("Take out a label").selectOption("old");
  await together.getByLabel("Due", { exact: true }).selectOption({ label: "At a time..." });
  await together.getByLabel("Due at").fill("2030-01-02T10:00");
  await hand.click("button", "Change all 3");
  await hand.sees("heading", "All 3 were changed");
  await hand.press("Enter");
  for (const row of await rows.all()) await expect(row).toContainText("High priority");
  await hand.click("link", /Second/);
  const second = desk.getByRole("region", { name: "Second" });
  await expect(second.getByRole("button", { name: /^Take out the label/ })).toHaveCount(2);
  await expect(second.getByRole("button", { name: "Due time" })).toContainText("2 Jan 2030");

  for (const title of ["First", "Second", "Third"]) {
    await desk.getByRole("checkbox", { name: `Choose: ${title}`, exact: true }).check();
  }
  await hand.press("Escape");
  await expect(together).toHaveCount(0);
  for (const title of ["First", "Second", "Third"]) {
    await desk.getByRole("checkbox", { name: `Choose: ${title}`, exact: true }).check();
  }
  await hand.click("button", "Start all 3");
  const fates = desk.getByRole("region", { name: "What became of them" });
  await expect(fates.getByRole("heading", { name: "1 of 3 was started" })).toBeVisible();
  await expect(fates.getByRole("listitem").filter({ hasText: "Second" })).toContainText('It waits for "First".');
  await expect(fates.getByRole("listitem").filter({ hasText: "Third" })).toContainText("Nobody is assigned to it.");
  await hand.press("Enter");
  await expect(rows.filter({ hasText: "First" })).toContainText("done", { timeout: 60_000 });
});

test("a new task says where it belongs", async ({ desk, hand, system, workspace }) => {
  await system.member(workspace, MEMBER);
  await desk.goto("/tasks/new");
  await hand.fill("What is to be done?", "Caulk the seams");
  await desk.getByLabel("Priority").selectOption({ label: "High" });
  await hand.fill("Due", "2030-05-06T12:00");
  await hand.fill("Labels", "Hull, tar");
  await hand.fill("Repository", "https://yard.example/hull.git");
  await hand.fill("Branch, tag or commit", "dry dock");
  await desk.getByRole("radio", { name: "Not yet" }).check();
  await hand.click("button", "Put it on the board");
  await expect(desk.getByRole("alert")).toBeVisible();
  await hand.fill("Branch, tag or commit", "dry-dock");
  await hand.click("button", "Put it on the board");
  const peek = desk.getByRole("region", { name: "Caulk the seams" });
  await expect(peek).toContainText("at dry-dock");
  await expect(peek.getByRole("button", { name: "Priority: High" })).toBeVisible();
  await expect(peek.getByRole("button", { name: "Due time" })).toContainText("6 May 2030");
  await expect(peek.getByRole("button", { name: "Take out the label tar" })).toBeVisible();
});
