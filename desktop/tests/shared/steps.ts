// The steps of the main flow, as a person would tell them. They know the words on the screens, and no driver.
import type { Hand } from "./hand";

/** Who is to join the team. */
export interface Member {
  name: string;
  /** `simulator/demo` */
  model: string;
  role?: string;
  instructions?: string;
  /** Tools, by their label, that ask before every use. */
  asks?: readonly string[];
}

/** What is to be done. */
export interface Work {
  title: string;
  brief?: string;
  /** Resource name of the member; with one member on the team there is nothing to choose. */
  assignee?: string;
}

/**
 * Goes to one of the lists and waits until it is there: the screen before stays until then, and may have links of the same
 * names.
 */
export async function go(hand: Hand, screen: "Inbox" | "Tasks" | "Runs" | "Team"): Promise<void> {
  await hand.click("link", new RegExp(`^${screen}`));
  await hand.sees("heading", screen);
}

/** Adds a member to the team, beginning anywhere; ends with a look at it. */
export async function addMember(hand: Hand, member: Member): Promise<void> {
  await go(hand, "Team");
  await hand.click("link", "New team member");
  await hand.fill("Name", member.name);
  if (member.role) await hand.fill("Role", member.role);
  await hand.fill("Instructions", member.instructions ?? "Play your script.");
  await hand.choose("Model", member.model);
  for (const tool of member.asks ?? []) await hand.pick(`${tool}: policy`, "Ask me");
  await hand.click("button", "Add to the team");
  await hand.sees("heading", member.name);
}

/** Writes a task and starts it, beginning anywhere; ends on its run. */
export async function startTask(hand: Hand, work: Work): Promise<void> {
  await hand.click("link", "New task");
  await hand.fill("What is to be done?", work.title);
  if (work.brief) await hand.fill("Brief", work.brief);
  if (work.assignee) await hand.choose("Assignee", work.assignee);
  await hand.click("button", "Start");
  await hand.sees("log", "Journal");
}

/** Opens the inbox at the item of this task, beginning anywhere. */
export async function openInbox(hand: Hand, task: string): Promise<void> {
  await go(hand, "Inbox");
  await hand.click("link", new RegExp(escaped(task)));
  await hand.sees("region", "What is asked");
}

/** Approves what is open in the inbox as it is. */
export async function approve(hand: Hand): Promise<void> {
  await hand.click("button", "Approve");
  await hand.reads(/^Approved\. /);
}

/** Approves what is open in the inbox with some of its arguments changed. */
export async function approveWith(hand: Hand, changes: Readonly<Record<string, string>>): Promise<void> {
  await hand.click("button", "Edit");
  for (const [argument, value] of Object.entries(changes)) await hand.fill(argument, value);
  await hand.click("button", "Approve with these");
  await hand.reads(/^Approved with changed arguments\. /);
}

/** Rejects what is open in the inbox. */
export async function reject(hand: Hand, reason: string): Promise<void> {
  await hand.click("button", "Reject");
  await hand.fill("Why not?", reason);
  await hand.click("button", "Reject");
  await hand.reads(/^Rejected\. /);
}

/** Opens the newest run of a task, beginning anywhere. */
export async function openRun(hand: Hand, task: string): Promise<void> {
  await go(hand, "Runs");
  await hand.click("link", new RegExp(escaped(task)));
  await hand.click("link", "Open the run");
  await hand.sees("log", "Journal");
}

/** `text` so that a pattern takes it literally. */
export const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
