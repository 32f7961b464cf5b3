// Word to people outside: a channel is made, its secret shown once, tested, and what became of it is seen.
import { take } from "./take";
import { expect, test } from "./test";

test("a webhook is made, tested, changed and deleted; its secret is shown once", async ({
  desk,
  hand,
  system,
  workspace,
}) => {
  await system.member(workspace, { name: "Noa", role: "Night watch", model: "simulator/demo" });
  await desk.goto("/tasks");
  await hand.sees("heading", "Nothing to do yet");
  await hand.press("g", "n");
  await hand.sees("heading", "Nobody is told outside of this window");
  await take(desk, "channels-empty");
  await hand.click("link", "New channel");
  await hand.click("button", "Make the channel");
  await hand.reads("Give it a name.");
  await hand.fill("Name", "On call");
  await hand.fill("Address", "ftp://pager.acme.example/hook");
  await hand.click("button", "Make the channel");
  await expect(desk.getByLabel("Address", { exact: true })).toHaveAttribute("aria-invalid", "true");
  await take(desk, "channel-new");
  await hand.fill("Address", "https://pager.acme.example/hook");
  await desk.getByRole("checkbox", { name: /^Successes/ }).check();
  await desk.getByRole("checkbox", { name: "Noa" }).check();
  await desk.getByLabel("When nobody has decided").selectOption({ label: "Told after 15 min" });
  await hand.press("Control+Enter");
  const dialog = desk.getByRole("dialog", { name: /The signing secret of/ });
  await expect(dialog).toContainText("whsec_");
  const secret = (await dialog.locator("code").textContent()) ?? "none";
  await take(desk, "channel-secret");
  await hand.click("button", "I have kept it");
  const peek = desk.getByRole("region", { name: "On call" });
  await expect(peek).toContainText("after 15 min, of what nobody has seen to by then");
  await expect(desk.getByText(secret)).toHaveCount(0);

  // Nobody is there: the test is tried, and tried again later.
  await hand.press("t");
  const row = peek.getByRole("list", { name: "Deliveries" }).getByRole("listitem");
  await expect(row).toContainText(/Tried 1 time, not there yet|Tried 2 times, not there yet/, { timeout: 60_000 });
  await take(desk, "channel-peek");

  await hand.click("button", "New secret...");
  await hand.click("button", "Make a new secret");
  await expect(dialog).toContainText("whsec_");
  await expect(dialog).not.toContainText(secret);
  await hand.click("button", "I have kept it");
  await expect(peek).toContainText("the one before signs along until in");

  await hand.press("p");
  await expect(peek.getByRole("button", { name: /Turn on/ })).toBeVisible();
  await hand.press("Enter");
  await hand.fill("Name", "Pager");
  await desk.getByLabel("When nobody has decided").selectOption({ label: "Told at once" });
  await hand.click("button", "Save");
  const renamed = desk.getByRole("region", { name: "Pager" });
  await expect(renamed).toContainText("at once");
  await hand.click("button", "Deliveries");
  await expect(desk.getByRole("list", { name: "Deliveries" })).toContainText("Test to Pager");
  await take(desk, "channel-deliveries");
  await hand.click("button", "Given up");
  await hand.reads(/^Nothing was given up/);
  await hand.click("button", "Channels");
  await hand.click("link", /Pager/);
  await hand.click("button", "Delete");
  await hand.click("button", "Delete the channel");
  await hand.sees("heading", "Nobody is told outside of this window");
});

test("the address of a Slack channel is a secret: its host is shown, and it is replaced", async ({ desk, hand }) => {
  await desk.goto("/settings/notifications/new");
  await desk.getByRole("radio", { name: /^Slack/ }).check();
  await hand.fill("Name", "#ops");
  await hand.fill("Incoming webhook's address", "https://hooks.slack.com/services/T0/B0/secret");
  await hand.click("button", "Make the channel");
  const peek = desk.getByRole("region", { name: "#ops" });
  await expect(peek).toContainText("hooks.slack.com");
  await expect(desk.getByText("B0/secret")).toHaveCount(0);
  await hand.click("button", "New address...");
  await hand.fill("Incoming webhook's address", "https://hooks.acme.example/services/T1");
  await hand.click("button", "Take this address");
  await expect(peek).toContainText("hooks.acme.example");
});
