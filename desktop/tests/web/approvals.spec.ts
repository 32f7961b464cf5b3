// Deciding with more than a yes: with other arguments, or with a no and its reason. And being too late.
import { addMember, approveWith, go, openInbox, openRun, reject, startTask } from "../shared/steps";
import { handOn } from "./hand";
import { enter, expect, test } from "./test";

const MEMBER = { name: "Ana", model: "simulator/demo", asks: ["Write files"] };

test("arguments that a person changes are what is carried out", async ({ desk, hand }) => {
  await addMember(hand, MEMBER);
  await startTask(hand, { title: "Count the lighthouses" });
  await openInbox(hand, "Count the lighthouses");
  await approveWith(hand, { content: "Eleven, and one that is dark." });
  await openRun(hand, "Count the lighthouses");
  const journal = desk.getByRole("log", { name: "Journal" });
  await expect(journal).toContainText("Approved with changed arguments");
  // The script reads back what was kept and ends with its last line as evidence.
  await expect(journal).toContainText("Eleven, and one that is dark.");
  await expect(desk.getByText("succeeded").first()).toBeVisible();
});

test("what a run asks is approved where it is watched", async ({ desk, hand }) => {
  await addMember(hand, MEMBER);
  await startTask(hand, { title: "Weigh the anchors" });
  // Its keys come with its buttons, once the item is read.
  await hand.sees("button", "Approve");
  await desk.keyboard.press("a");
  await expect(desk.getByRole("main").locator("header")).toContainText("succeeded");
  await expect(desk.getByRole("region", { name: "What is asked" })).toHaveCount(0);
});

test("arguments that are no JSON are not sent", async ({ desk, hand }) => {
  await addMember(hand, MEMBER);
  await startTask(hand, { title: "Count the buoys" });
  await openInbox(hand, "Count the buoys");
  await hand.click("button", "Edit");
  await hand.click("button", "As JSON");
  await hand.fill("Arguments", '{ "path": ');
  await expect(desk.getByRole("alert")).toContainText("This is not JSON");
  await expect(desk.getByRole("button", { name: "Approve with these" })).toBeDisabled();
  await desk.keyboard.press("Escape");
  await expect(desk.getByRole("button", { name: "Approve", exact: true })).toBeVisible();
});

test("a no and its reason reach the agent, and both are kept", async ({ desk, hand }) => {
  await addMember(hand, MEMBER);
  await startTask(hand, { title: "Paint the harbour" });
  await openInbox(hand, "Paint the harbour");
  await reject(hand, "Not without the harbour master");
  await openRun(hand, "Paint the harbour");
  await expect(desk.getByRole("log", { name: "Journal" })).toContainText("Rejected: Not without the harbour master");
  await go(hand, "Inbox");
  await hand.click("button", "Decided");
  await hand.click("link", /Paint the harbour/);
  await hand.reads(/Rejected: Not without the harbour master, by you/);
});

test("who decides second is told what was decided, and by whom", async ({ desk, hand, system, workspace, browser }) => {
  await addMember(hand, MEMBER);
  await startTask(hand, { title: "Ring the bell" });
  await openInbox(hand, "Ring the bell");

  const context = await browser.newContext();
  const other = await context.newPage();
  await enter(other, system, workspace);
  const otherHand = handOn(other);
  await openInbox(otherHand, "Ring the bell");
  // The first page hears nothing of the other's decision until it decides by itself.
  await desk.route("**/inbox*", (route) => (route.request().method() === "GET" ? route.abort() : route.continue()));
  await reject(otherHand, "Too loud");
  await context.close();

  await desk.keyboard.press("a");
  await hand.reads(/Yours came second and does not count\. Rejected: Too loud, by you/);
});
