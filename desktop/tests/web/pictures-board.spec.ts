// The board in both themes and two widths: a full list, a look at one, several chosen, what became of them.
import type { Task } from "~/api/gen/schemas";
import { take } from "./take";
import { expect, test } from "./test";

test("the board", async ({ desk, system, workspace }) => {
  test.setTimeout(240_000);
  const noa = await system.member(workspace, { name: "Noa", role: "Engineer", model: "simulator/demo" });
  const mia = await system.member(workspace, { name: "Mia", role: "Writer", model: "simulator/demo" });
  const days = (count: number) => new Date(Date.now() + count * 86_400_000).toISOString();
  const make = async (task: object) => (await system.post<{ task: Task }>(`${workspace}/tasks`, task)).task.name;
  const login = await make({
    title: "Fix the flaky login test",
    brief: "It fails about once in forty runs on CI.\nThe race is probably in the session fixture.",
    assignee: noa,
    priority: "TASK_PRIORITY_URGENT",
    labels: ["bug", "ci", "login"],
    dueTime: days(-1),
    acceptanceChecks: ["The test passes a hundred times in a row", "No retry was added"],
    source: { gitUrl: "https://git.acme.example/web/app.git", gitRef: "main" },
  });
  const schema = await make({ title: "Agree on the schema of events", assignee: mia, labels: ["design"] });
  await system.start(schema);
  const notes = await make({
    title: "Release 2.4",
    priority: "TASK_PRIORITY_HIGH",
    labels: ["release"],
    dueTime: days(4),
    blockedBy: [login],
  });
  for (const [title, more] of [
    ["Write the release notes", { assignee: mia, parentTask: notes, dueTime: days(3) }],
    ["Build and sign the packages", { assignee: noa, parentTask: notes }],
    ["Tell the customers of the old importer that it goes away with the next release", { parentTask: notes }],
  ] as const) {
    await make({ title, ...more });
  }
  await make({ title: "Look into the slow search", priority: "TASK_PRIORITY_LOW", labels: ["performance"] });
  await make({ title: "Answer the security questionnaire of Initech", assignee: mia, dueTime: days(0.3) });
  await system.post(`${login}/comments`, {
    text: "Seen again this morning, see `ci/4182`. The trace is attached there.",
  });
  await system.post(`${login}/comments`, { text: "It is **not** the database: the pool was idle." });
  await system.post<unknown>(`${workspace}/tasks:batchUpdate`, {
    updates: [{ task: { name: login, title: "-", blockedBy: [schema] }, updateMask: "blockedBy" }],
  });
  await desk.goto("/tasks");
  const rows = desk.getByRole("list", { name: "Tasks" }).getByRole("link");
  await expect(rows).toHaveCount(8);
  await expect(rows.filter({ hasText: "schema" })).toContainText("done");
  await take(desk, "board");
  await desk.goto("/tasks?order=due&labels=bug&blocked=false");
  await expect(rows).toHaveCount(1);
  await take(desk, "board-filters");
  await desk.goto("/tasks?order=priority");
  await rows.filter({ hasText: "login" }).click();
  const peek = desk.getByRole("region", { name: "Fix the flaky login test" });
  await expect(peek.getByRole("region", { name: "Comments" }).getByRole("listitem")).toHaveCount(2);
  await take(desk, "board-peek");
  await peek
    .getByRole("button", { name: "Comment", exact: true })
    .or(peek.getByRole("textbox"))
    .first()
    .scrollIntoViewIfNeeded();
  await take(desk, "board-peek-end");
  await rows.filter({ hasText: "Release 2.4" }).click();
  const release = desk.getByRole("region", { name: "Release 2.4" });
  await expect(release.getByRole("region", { name: "Parts" }).getByRole("link")).toHaveCount(3);
  await desk.keyboard.press("p");
  await expect(desk.getByRole("menu")).toBeVisible();
  await take(desk, "board-priority");
  await desk.keyboard.press("Escape");
  await desk.keyboard.press("b");
  await expect(desk.getByRole("option").first()).toBeVisible();
  await take(desk, "board-picker");
  await desk.keyboard.press("Escape");
  await desk.keyboard.press("x");
  await desk.keyboard.press("j");
  await desk.keyboard.press("x");
  await desk.keyboard.press("j");
  await desk.keyboard.press("x");
  await expect(desk.getByRole("heading", { name: "3 tasks chosen" })).toBeVisible();
  await take(desk, "board-batch");
  await desk.keyboard.press("s");
  await expect(desk.getByRole("region", { name: "What became of them" })).toBeVisible();
  await take(desk, "board-fates");
  await desk.goto("/tasks?find=whale");
  await expect(desk.getByRole("heading", { name: "No task fits" })).toBeVisible();
  await take(desk, "board-nothing");
  await desk.goto("/tasks/new");
  await desk.getByLabel("What is to be done?").fill("Fix the flaky login test");
  await desk.getByLabel("Repository").fill("https://git.acme.example/web/app.git");
  await desk.getByLabel("Labels").scrollIntoViewIfNeeded();
  await take(desk, "board-new");
});
