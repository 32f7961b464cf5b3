// The newcomer's first ten minutes: in by the link, a team member, a task, an approval, the result and what it cost.
import { addMember, approve, go, openInbox, startTask } from "../shared/steps";
import { handOn } from "./hand";
import { setting } from "./system";
import { expect, test } from "./test";

test("from the one-time link to a finished task", async ({ page }) => {
  const hand = handOn(page);
  const link = setting("MC_E2E_SIGN_IN");
  const title = "Report on the moons of Saturn";
  await page.goto(link);
  await expect(page.getByRole("heading", { name: "Welcome. Give somebody something to do." })).toBeVisible();
  expect(page.url()).not.toContain("code=");

  await addMember(hand, { name: "Ana", role: "Researcher", model: "simulator/demo", asks: ["Write files"] });
  await startTask(hand, { title, brief: "One page, for people in a hurry." });
  const journal = page.getByRole("log", { name: "Journal" });
  await expect(page.getByRole("heading", { level: 1, name: title })).toBeVisible();
  await expect(journal).toContainText(`I start with a short report on “${title}”.`);
  await expect(page.getByText("needs approval").first()).toBeVisible();
  await expect(page.getByRole("link", { name: /^Inbox.*1.*needs you$/ })).toBeVisible();

  await openInbox(hand, title);
  const asked = page.getByRole("region", { name: "What is asked" });
  await expect(asked.getByRole("heading", { name: "Ana wants to write report.md" })).toBeVisible();
  await expect(asked).toContainText("One page, for people in a hurry.");
  await approve(hand);
  await expect(page.getByRole("heading", { name: "Nothing needs you" })).toBeVisible();

  await go(hand, "Runs");
  await hand.click("link", new RegExp(title));
  await expect(page.getByText("succeeded").first()).toBeVisible();
  await hand.click("link", "Open the run");
  await expect(journal).toContainText("Approved");
  await expect(journal).toContainText("Wrote a short report");
  await expect(page.getByText(/^\$0\.\d+$/).first()).toBeVisible();

  await go(hand, "Tasks");
  await expect(page.getByRole("link", { name: new RegExp(`done.*${title}`) })).toBeVisible();
});

test("a link that was used is refused politely, and nobody is signed in", async ({ system, page, browser }) => {
  const link = await system.link();
  await page.goto(link);
  await page.waitForURL("**/inbox");
  const other = await browser.newContext();
  const second = await other.newPage();
  await second.goto(link);
  await expect(second.getByRole("alert")).toContainText("This link was used already or is too old.");
  await expect(second.getByRole("alert")).toContainText("./mc link");
  await expect(second.getByLabel("E-mail")).toBeFocused();
  expect(second.url()).not.toContain("code=");
  await other.close();
});
