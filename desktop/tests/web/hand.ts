// Playwright's hand.
import { expect, type Page } from "@playwright/test";
import type { Hand, Name, Role } from "../shared/hand";

const exactly = (name: Name) => ({ name, ...(typeof name === "string" ? { exact: true } : {}) });

/** A hand on this page. */
export function handOn(page: Page): Hand {
  const labelled = (label: Name) => page.getByLabel(label, typeof label === "string" ? { exact: true } : {}).first();
  return {
    click: (role: Role, name: Name) => page.getByRole(role, exactly(name)).first().click(),
    fill: (label, text) => labelled(label).fill(text),
    choose: async (label, option) => void (await labelled(label).selectOption(option)),
    pick: (group, choice) => page.getByRole("radiogroup", exactly(group)).getByText(choice, { exact: true }).click(),
    press: async (...keys) => {
      for (const key of keys) await page.keyboard.press(key);
    },
    sees: (role, name) => expect(page.getByRole(role, exactly(name)).first()).toBeVisible(),
    reads: (text) => expect(page.getByText(text).first()).toBeVisible(),
  };
}
