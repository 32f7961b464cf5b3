// Losing the connection, and the page itself: what is on screen stays, and nothing is missing afterwards.
import { addMember, go, startTask } from "../shared/steps";
import { expect, test } from "./test";
import { Wire } from "./wire";

test("a page that is loaded again in the middle is where it was", async ({ desk, hand }) => {
  await addMember(hand, { name: "Rui", model: "simulator/slow" });
  await startTask(hand, { title: "Go round the cape" });
  const journal = desk.getByRole("log", { name: "Journal" });
  await expect(journal).toContainText("One two three");
  const place = desk.url();
  await desk.reload();
  expect(desk.url()).toBe(place);
  await expect(desk.getByRole("heading", { level: 1, name: "Go round the cape" })).toBeVisible();
  // What it was saying is there from its first word, though this page has not heard it.
  await expect(journal).toContainText("One two three four");
  await expect(desk.getByRole("main").locator("header")).toContainText("succeeded");
});

test("a search, a filter and what is looked at survive a reload", async ({ desk, hand }) => {
  await addMember(hand, { name: "Ana", model: "simulator/demo", asks: ["Write files"] });
  await startTask(hand, { title: "Chart the reef" });
  await go(hand, "Tasks");
  await hand.click("button", "In progress");
  await desk.getByRole("searchbox").fill("reef");
  await hand.click("link", /Chart the reef/);
  await desk.reload();
  await expect(desk.getByRole("searchbox")).toHaveValue("reef");
  await expect(desk.getByRole("button", { name: "In progress" })).toHaveAttribute("aria-pressed", "true");
  await expect(desk.getByRole("region", { name: "Chart the reef" })).toBeVisible();
});

test("a lost connection is told, and nothing is missing when it is back", async ({ desk, hand }) => {
  await addMember(hand, { name: "Rui", model: "simulator/slow" });
  const wire = await Wire.under(desk);
  await desk.reload();
  await startTask(hand, { title: "Sail through the fog" });
  const journal = desk.getByRole("log", { name: "Journal" });
  await expect(journal).toContainText("One two three");

  await wire.cut(desk);
  await expect(desk.getByText("This machine has no network.")).toBeVisible();
  await expect(desk.getByText(/^not connected/)).toBeVisible();
  await expect(journal).toContainText("One two three");

  await wire.mend(desk);
  await expect(desk.getByText("connected", { exact: true })).toBeVisible();
  await expect(desk.getByText("This machine has no network.")).toHaveCount(0);
  await expect(desk.getByRole("main").locator("header")).toContainText("succeeded");
  await expect(journal).toContainText("Wrote slow.md, slowly.");
  expect(wire.seen).toEqual(wire.seen.map((_, index) => index + 1));
});

test("a task that is being written is still there after a reload", async ({ desk, hand }) => {
  await hand.click("link", "New task");
  await hand.fill("What is to be done?", "Mend the nets");
  await hand.fill("Brief", "The large ones first.");
  await desk.reload();
  await expect(desk.getByLabel("What is to be done?")).toHaveValue("Mend the nets");
  await expect(desk.getByLabel("Brief")).toHaveValue("The large ones first.");
});
