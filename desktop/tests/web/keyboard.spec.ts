// The main flow without a pointer: only keys, and the focus always where it can be seen.
import type { Page } from "@playwright/test";
import { expect, test } from "./test";

/** Presses Tab until the focus is on what `name` says, and fails if it never comes there. */
async function tabTo(
  page: Page,
  role: "button" | "link" | "textbox" | "combobox" | "radio",
  name: string,
): Promise<void> {
  const wanted = page.getByRole(role, { name, exact: true }).first();
  await expect(wanted).toBeVisible();
  for (let presses = 0; presses < 60; presses += 1) {
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab never comes to the ${role} "${name}"`);
}

test("a team member, a task, an approval and the result by keys alone", async ({ desk }) => {
  const keys = desk.keyboard;
  await expect(desk.getByRole("link", { name: "Write the first task" })).toBeVisible();

  await keys.press("g");
  await keys.press("m");
  await tabTo(desk, "link", "New team member");
  await keys.press("Enter");
  await expect(desk.getByRole("heading", { level: 1, name: "New team member" })).toBeVisible();
  await tabTo(desk, "textbox", "Name");
  await keys.type("Ana");
  await tabTo(desk, "textbox", "Instructions");
  await keys.type("Write short reports.");
  await tabTo(desk, "combobox", "Model");
  await keys.type("simulator/demo");
  await expect(desk.getByLabel("Model", { exact: true })).toHaveValue("simulator/demo");
  await keys.press("Tab");
  // The first group of radio buttons is what "Write files" may do.
  await keys.press("ArrowRight");
  await expect(desk.getByRole("radiogroup", { name: "Write files: policy" }).getByLabel("Ask me")).toBeChecked();
  await keys.press("Control+Enter");
  await expect(desk.getByRole("heading", { level: 2, name: "Ana" })).toBeVisible();

  await keys.press("c");
  await expect(desk.getByLabel("What is to be done?")).toBeFocused();
  await keys.type("Sweep the chimney");
  await keys.press("Control+Enter");
  await expect(desk.getByRole("heading", { level: 1, name: "Sweep the chimney" })).toBeVisible();
  await expect(desk.getByText("needs approval").first()).toBeVisible();

  await keys.press("n");
  await expect(desk.getByRole("heading", { level: 1, name: "Inbox" })).toBeVisible();
  await expect(desk.getByRole("heading", { name: "Ana wants to write report.md" })).toBeVisible();
  await keys.press("a");
  await expect(desk.getByText(/^Approved\./)).toBeVisible();

  await keys.press("g");
  await keys.press("r");
  await expect(desk.getByRole("heading", { level: 1, name: "Runs" })).toBeVisible();
  await expect(desk.getByRole("link", { name: /Sweep the chimney/ })).toBeVisible();
  await keys.press("j");
  await expect(desk.getByRole("region", { name: "Sweep the chimney" })).toContainText("succeeded");
  await keys.press("Enter");
  await expect(desk.getByRole("log", { name: "Journal" })).toContainText("Approved");
});

test("the palette goes anywhere, and gives the focus back", async ({ desk }) => {
  await desk.keyboard.press("Control+k");
  await expect(desk.getByRole("combobox")).toBeFocused();
  await desk.keyboard.type("settings");
  await desk.keyboard.press("Enter");
  await expect(desk.getByRole("heading", { level: 1, name: "Settings" })).toBeVisible();
  await tabTo(desk, "button", "Dark");
  await desk.keyboard.press("?");
  await expect(desk.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await desk.keyboard.press("Escape");
  await expect(desk.getByRole("button", { name: "Dark" })).toBeFocused();
});
