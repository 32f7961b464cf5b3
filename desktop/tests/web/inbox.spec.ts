// The inbox when there is much in it: several decided at once, in a call's place, and once for all.
import { idOf } from "~/shared/format/name";
import { addMember, go, openInbox, openRun, startTask } from "../shared/steps";
import { expect, test } from "./test";

const MEMBER = { name: "Ana", model: "simulator/demo", asks: ["Write files"] };

test("several approvals are chosen by keys, decided at once, and each fate is told", async ({
  desk,
  hand,
  system,
  workspace,
}) => {
  const assignee = await system.member(workspace, { ...MEMBER, role: "Writer", asks: true });
  const titles = ["Wash the boats", "Dry the sails", "Coil the ropes"];
  const runs: string[] = [];
  for (const title of titles) runs.push(await system.start(await system.task(workspace, { title, assignee })));
  await desk.goto("/inbox");
  const rows = desk.getByRole("list", { name: "Inbox" }).getByRole("link");
  await expect(rows).toHaveCount(3);
  await expect(desk.getByRole("region", { name: "What is asked" })).toBeVisible();
  await hand.press("x", "j", "x");
  await expect(desk.getByRole("heading", { name: "2 approvals, decided alike" })).toBeVisible();
  await hand.click("button", "Choose all");
  // One of them is over before the decision: that changes nothing for the others.
  await system.post(`${runs[1]}:cancel`, { reason: "It rains" });
  await hand.press("a");
  const fates = desk.getByRole("region", { name: "What became of them" });
  await expect(fates.getByRole("listitem")).toHaveCount(3);
  await expect(fates.getByRole("listitem").filter({ hasText: "Approved." })).not.toHaveCount(0);
  await hand.press("Enter");
  await expect(rows).toHaveCount(0);
  for (const at of [0, 2]) {
    await desk.goto(`/runs/${idOf(runs[at] ?? "")}`);
    await expect(desk.getByRole("main").locator("header")).toContainText("succeeded");
  }
});

test("what a person says in a call's place is its result", async ({ desk, hand }) => {
  await addMember(hand, MEMBER);
  await startTask(hand, { title: "Write to the harbour office" });
  await openInbox(hand, "Write to the harbour office");
  await hand.press("w");
  await hand.fill("What should it read instead?", "It has been written by hand already.");
  await hand.press("Control+Enter");
  await hand.reads(/^Answered in its place\./);
  await openRun(hand, "Write to the harbour office");
  const journal = desk.getByRole("log", { name: "Journal" });
  await expect(journal).toContainText("not made, answered");
  await expect(journal).toContainText("It has been written by hand already.");
});

test("a rule made of an approval spares the next question, is counted, and can be revoked", async ({
  desk,
  hand,
  system,
  workspace,
}) => {
  const assignee = await system.member(workspace, { ...MEMBER, role: "Writer", asks: true });
  const start = async (title: string) => system.start(await system.task(workspace, { title, assignee }));
  await start("Log the first tide");
  await openInbox(hand, "Log the first tide");
  await hand.press("l");
  const form = desk.getByRole("form", { name: "Always allow this" });
  await form.getByLabel("path may be").selectOption("begins");
  await form.getByLabel("path: beginning").fill("report");
  await form.getByLabel("content may be").selectOption("any");
  const said = form.getByRole("region", { name: "The rule" });
  await expect(said).toContainText("Ana may use write_artifact without asking");
  await expect(said).toContainText("path begins with report");
  await expect(said).toContainText("content is anything, or nothing");
  await hand.click("button", "Approve and save the rule");
  await hand.reads(/^Approved\. /);

  const second = await start("Log the second tide");
  await desk.goto(`/runs/${idOf(second)}`);
  const journal = desk.getByRole("log", { name: "Journal" });
  await expect(journal).toContainText("Allowed by a rule of yours, so nobody was asked.");
  await expect(desk.getByRole("main").locator("header")).toContainText("succeeded");
  await journal.getByRole("link", { name: "a rule of yours" }).click();
  const rule = desk.getByRole("region", { name: "The rule" });
  await expect(rule).toContainText("used once");
  await hand.click("button", "Revoke");
  await hand.reads("Revoked. You are asked again from now on.");
  await expect(rule).toContainText("revoked just now by you");

  await start("Log the third tide");
  await openInbox(hand, "Log the third tide");
});

test("just this call is allowed for good in one go", async ({ desk, hand }) => {
  await addMember(hand, MEMBER);
  await startTask(hand, { title: "Ring once an hour" });
  await openInbox(hand, "Ring once an hour");
  await hand.press("l");
  await expect(desk.getByRole("form", { name: "Always allow this" })).toBeVisible();
  await hand.press("Control+Enter");
  await hand.reads(/^Approved\. Ana goes on, and does not ask about this again\./);
  await go(hand, "Inbox");
  await hand.click("link", "Rules");
  await expect(desk.getByRole("list", { name: "Approval rules" }).getByRole("link")).toHaveCount(1);
});
