// What a person sees of a crash: that it happened, and that nothing was lost. These run last and alone, as they kill
// processes that the others need, and only where services are processes of their own.
import { addMember, startTask } from "../shared/steps";
import { expect, test } from "./test";
import { Wire } from "./wire";

test.describe.configure({ mode: "serial" });

test("a gateway that is killed comes back, and the page with it", async ({ desk, hand, system }) => {
  const pids = await system.processes("gateway");
  test.skip(pids.length === 0, "this system is one process");
  await addMember(hand, { name: "Rui", model: "simulator/slow" });
  const wire = await Wire.under(desk);
  await desk.reload();
  await startTask(hand, { title: "Hold the line" });
  const journal = desk.getByRole("log", { name: "Journal" });
  await expect(journal).toContainText("One two three");

  const before = wire.connections;
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await expect.poll(() => wire.connections).toBeGreaterThan(before);
  await expect(journal).toContainText("One two three");
  await expect(desk.getByText("connected", { exact: true })).toBeVisible();
  await expect(desk.getByRole("main").locator("header")).toContainText("succeeded");
  await expect(journal).toContainText("Wrote slow.md, slowly.");
  expect(wire.seen).toEqual(wire.seen.map((_, index) => index + 1));
});

test("a run whose workers are killed is taken over in front of the person", async ({ desk, hand, system }) => {
  const pids = await system.processes("worker-");
  test.skip(pids.length === 0, "this system is one process");
  await addMember(hand, { name: "Rui", model: "simulator/slow" });
  await startTask(hand, { title: "Stay on course" });
  const journal = desk.getByRole("log", { name: "Journal" });
  await expect(journal).toContainText("One two three");

  for (const pid of pids) process.kill(pid, "SIGKILL");
  await expect(journal).toContainText("Worker lost, taken over after", { timeout: 40_000 });
  await expect(desk.getByRole("main").locator("header")).toContainText("succeeded", { timeout: 40_000 });
  await expect(journal).toContainText("Wrote slow.md, slowly.");
});
