// WebDriver's hand, which sees the window as assistive technology does.
import type { Hand, Name, Role } from "../shared/hand";
import { type Element, type WebDriver, WebDriverError } from "./webdriver";

/** What does not happen within this time does not happen, in ms; the machine is shared with the system. */
const PATIENCE_MS = 20_000;
const LOOK_EVERY_MS = 100;

/** Elements that have a role, by themselves or because they say so. */
const SELECTORS: Record<Role | "field" | "radiogroup", string> = {
  alert: "[role=alert]",
  button: "button, [role=button]",
  dialog: "dialog, [role=dialog], [role=alertdialog]",
  field: "input, textarea, select",
  heading: "h1, h2, h3, h4, [role=heading]",
  link: "a[href]",
  log: "[role=log]",
  radio: "input[type=radio], [role=radio]",
  radiogroup: "[role=radiogroup]",
  region: "section, [role=region]",
  status: "[role=status], output",
};

/** A hand on this window. */
export function handOn(driver: WebDriver): Hand {
  const first = (role: keyof typeof SELECTORS, name: Name) => firstOf(driver, SELECTORS[role], name);
  return {
    click: (role, name) => eventually(`click the ${role} ${name}`, async () => (await first(role, name)).click()),
    fill: (label, text) => eventually(`fill ${label}`, async () => (await first("field", label)).type(text)),
    choose: (label, option) =>
      eventually(`choose ${option} of ${label}`, async () => {
        const [found] = await (await first("field", label)).all(`option[value=${JSON.stringify(option)}]`);
        await there(found).pick();
      }),
    pick: (group, choice) =>
      eventually(`pick ${choice} of ${group}`, async () => {
        for (const label of await (await first("radiogroup", group)).all("label")) {
          if ((await label.text()).trim() === choice) return label.click();
        }
        there(undefined);
      }),
    press: async (...keys) => {
      for (const key of keys) await driver.press(key);
    },
    sees: (role, name) => eventually(`see the ${role} ${name}`, async () => void (await first(role, name))),
    reads: (text) =>
      eventually(`read ${text}`, async () => {
        const wanted = typeof text === "string" ? { text } : { pattern: text.source };
        if (!(await driver.run(isShown, wanted))) there(undefined);
      }),
  };
}

/** Tries again while the page is not ready for it; then fails with the last reason. */
export async function eventually<Result>(what: string, attempt: () => Promise<Result>): Promise<Result> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (thrown) {
      if (!(thrown instanceof WebDriverError)) throw thrown;
      if (Date.now() > end) throw new Error(`Could not ${what} within ${PATIENCE_MS / 1000} s: ${thrown.message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

async function firstOf(driver: WebDriver, selector: string, name: Name): Promise<Element> {
  const names: string[] = [];
  for (const element of await driver.all(selector)) {
    const found = (await element.name()).replace(/\s+/g, " ").trim();
    const fits = typeof name === "string" ? found === name : name.test(found);
    if (fits && (await element.shown())) return element;
    names.push(found);
  }
  return there<Element>(undefined, `there are ${names.map((each) => `"${each}"`).join(", ") || "none"}`);
}

function there<Found>(found: Found | undefined, what = "it is not there"): Found {
  if (found === undefined) throw new WebDriverError("no such element", what);
  return found;
}

/** Runs in the page: whether a text that fits is on the screen. */
function isShown(wanted: { text?: string; pattern?: string }): boolean {
  const fits = (text: string) =>
    wanted.pattern === undefined
      ? text.toLowerCase().includes((wanted.text ?? "").toLowerCase())
      : new RegExp(wanted.pattern).test(text);
  return [...document.body.querySelectorAll("*")].some(
    (element) =>
      fits((element.textContent ?? "").replace(/\s+/g, " ").trim()) &&
      element.checkVisibility({ visibilityProperty: true }),
  );
}
