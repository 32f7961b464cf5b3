// Orders to a run that is at work: what is asked for, what is true, and what comes of it.
import { addMember, go, startTask } from "../shared/steps";
import { expect, test } from "./test";

const SLOW = { name: "Rui", model: "simulator/slow" };

test("a run speaks word by word", async ({ desk, hand }) => {
  await addMember(hand, SLOW);
  await startTask(hand, { title: "Count aloud" });
  const journal = desk.getByRole("log", { name: "Journal" });
  await expect(journal).toContainText("One two three");
  await expect(journal).not.toContainText("twenty");
  await expect(journal).toContainText("nineteen twenty.");
});

test("a run that is paused stands still until it is resumed", async ({ desk, hand }) => {
  await addMember(hand, SLOW);
  await startTask(hand, { title: "Count slowly" });
  const head = desk.getByRole("main").locator("header");
  await expect(desk.getByRole("log", { name: "Journal" })).toContainText("One two");
  await hand.click("button", "Pause");
  await expect(head).toContainText("pausing...");
  await expect(head).toContainText("paused");
  await go(hand, "Runs");
  await hand.click("link", /paused.*Count slowly/);
  await hand.click("link", "Open the run");
  await hand.click("button", "Resume");
  await expect(head).toContainText("succeeded");
  await expect(desk.getByRole("log", { name: "Journal" })).toContainText("Wrote slow.md, slowly.");
});

test("what is said to a run stops its model call if it must, and is read with the next one", async ({ desk, hand }) => {
  await addMember(hand, SLOW);
  await startTask(hand, { title: "Count until told otherwise" });
  const journal = desk.getByRole("log", { name: "Journal" });
  await expect(journal).toContainText("One two");
  await hand.press("s");
  await expect(desk.getByLabel("Say something to Rui")).toBeFocused();
  await desk.keyboard.type("Skip the even ones.");
  await hand.press("Control+Enter");
  await expect(journal).toContainText("You broke in");
  await expect(journal).toContainText("Skip the even ones.");
  await expect(journal.getByRole("list", { name: "Receipt" })).toContainText(/requested.*delivered.*read/);
  await expect(journal).toContainText("stopped");
  await expect(desk.getByLabel("Say something to Rui")).toHaveValue("");
  await expect(desk.getByRole("main").locator("header")).toContainText("succeeded");
});

test("a run that is cancelled ends at once and says why nothing follows", async ({ desk, hand }) => {
  await addMember(hand, SLOW);
  await startTask(hand, { title: "Count for ever" });
  await expect(desk.getByRole("log", { name: "Journal" })).toContainText("One two");
  await hand.click("button", "Cancel");
  await expect(desk.getByRole("dialog")).toContainText('Cancel "Count for ever"?');
  await hand.click("button", "Cancel the run");
  await expect(desk.getByRole("main").locator("header")).toContainText("cancelled");
  await expect(desk.getByRole("button", { name: "Pause" })).toHaveCount(0);
  await go(hand, "Tasks");
  await expect(desk.getByRole("link", { name: /cancelled.*Count for ever/ })).toBeVisible();
});
