// Takes pictures of screens, and sees that nothing sticks out of them.
import { expect, type Page } from "@playwright/test";
import { setting } from "./system";

const WIDTHS = [1280, 900] as const;
const THEMES = ["light", "dark"] as const;

/** Takes the screen as it is in every theme and width. */
export async function take(page: Page, name: string): Promise<void> {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect.soft(wider, `${name} sticks out at ${width} px`).toBeLessThanOrEqual(0);
      const path = `${setting("MC_E2E_OUTPUT")}/pictures/${name}-${theme}-${width}.png`;
      await page.screenshot({ path, animations: "disabled", caret: "hide" });
    }
  }
  await page.setViewportSize({ width: WIDTHS[0], height: 800 });
}
