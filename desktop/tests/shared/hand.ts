// What a person does at a screen, whoever moves the hand: Playwright in a browser, WebDriver in the desktop window.

/** Roles that the steps look for; WAI-ARIA's, as assistive technology sees them. */
export type Role = "alert" | "button" | "dialog" | "heading" | "link" | "log" | "radio" | "region" | "status";

/** A name in full, or a pattern of it. */
export type Name = string | RegExp;

/**
 * Every verb waits until it can be done, and fails when that takes too long. Where several things fit, the first in the
 * order of the page is meant.
 */
export interface Hand {
  /** Presses what has this role and accessible name. */
  click(role: Role, name: Name): Promise<void>;
  /** Replaces the text of the field with this label. */
  fill(label: Name, text: string): Promise<void>;
  /** Picks an option, by its value, of the drop-down with this label. */
  choose(label: Name, option: string): Promise<void>;
  /** Picks one of a group of radio buttons. */
  pick(group: Name, choice: string): Promise<void>;
  /** Presses keys one after the other, wherever the focus is: `g`, `Enter`, `Control+Enter`. */
  press(...keys: string[]): Promise<void>;
  /** Waits until something with this role and name is there to see. */
  sees(role: Role, name: Name): Promise<void>;
  /** Waits until the text is there to see, wherever it is. */
  reads(text: Name): Promise<void>;
}
