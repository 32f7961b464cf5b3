// What the tests stand on: a system, a workspace of one's own in it, and a person who is signed in there.
import { test as base, expect, type Page } from "@playwright/test";
import type { Hand } from "../shared/hand";
import { handOn } from "./hand";
import { System } from "./system";

interface Fixtures {
  /** Resource name of this test's workspace, in which there is nothing yet. */
  workspace: string;
  /** The page, signed in and looking at `workspace`. */
  desk: Page;
  hand: Hand;
}

/** Signs the page in, to look at `workspace`. */
export async function enter(page: Page, system: System, workspace: string): Promise<void> {
  await page.addInitScript(
    (choice) => localStorage.setItem("mc.workspace", choice),
    JSON.stringify({ state: { workspace }, version: 0 }),
  );
  await page.goto(await system.link());
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
}

export const test = base.extend<Fixtures, { system: System }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads which fixtures are wanted from the pattern
  system: [async ({}, use) => use(new System()), { scope: "worker" }],
  workspace: async ({ system }, use, info) => use(await system.workspace(info.title.slice(0, 60))),
  desk: async ({ page, system, workspace }, use) => {
    await enter(page, system, workspace);
    await use(page);
  },
  hand: async ({ page }, use) => use(handOn(page)),
});

export { expect };
