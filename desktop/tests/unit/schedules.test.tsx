// Work that the clock starts: seen before it is saved, and everything that can become of a fire.
import { screen, waitFor, within } from "@testing-library/react";
import { HttpResponse } from "msw";
import { beforeEach, expect, test } from "vitest";
import type { PreviewFire, PreviewScheduleRequest, Schedule, ScheduleFire } from "~/api/gen/schemas";
import { agent, gateway, ME, open, playGateway, problem, TIME, W, world, writes } from "./app";

playGateway();

const SCHEDULES = `/v1/${W}/schedules`;

const schedule = (id: string, more: Partial<Schedule> = {}): Partial<Schedule> => ({
  name: `${W}/schedules/${id}`,
  displayName: "Nightly round",
  cron: "30 2 * * *",
  timeZone: "Europe/Berlin",
  template: { title: "Walk round", brief: "Slowly.", assignee: `${W}/agents/noa`, acceptanceChecks: ["It is dark"] },
  overlapPolicy: "OVERLAP_POLICY_QUEUE",
  missedFirePolicy: "MISSED_FIRE_POLICY_SKIP",
  nextFireTime: new Date(Date.now() + 2 * 3_600_000).toISOString(),
  etag: "e1",
  createTime: TIME,
  ...more,
});
const fire = (id: string, more: Partial<ScheduleFire>): Partial<ScheduleFire> => ({
  name: `${W}/schedules/s/fires/${id}`,
  dueTime: TIME,
  ...more,
});

/** Previews are answered with these fires; those around a change of the clock with others. */
const previews = (next: Partial<PreviewFire>[], around: Partial<PreviewFire>[] = []) =>
  gateway.use(
    writes("post", `${SCHEDULES}:preview`, ({ afterTime }: PreviewScheduleRequest) =>
      HttpResponse.json({ fires: afterTime ? around : next }),
    ),
  );

beforeEach(() => {
  world.agents = [agent("noa", { displayName: "Noa" })];
  previews([
    {
      fireTime: "2026-11-24T01:30:00Z",
      localTime: "2026-11-24T02:30:00+01:00",
      scheduledLocalTime: "2026-11-24T02:30:00",
    },
  ]);
});

test("without schedules it says what one is", async () => {
  open("/schedules");
  expect(await screen.findByRole("heading", { name: "Nothing is on the clock" })).toBeVisible();
  expect(screen.getByRole("link", { name: "New schedule" })).toHaveAttribute("href", "/schedules/new");
});

test("a new one is seen before it is saved, with what the next change of the clocks does", async () => {
  previews(
    [{ fireTime: "2026-11-24T01:30:00Z", localTime: "2026-11-24T02:30:00+01:00" }],
    [
      {
        fireTime: "2027-03-28T01:00:00Z",
        localTime: "2027-03-28T03:00:00+02:00",
        scheduledLocalTime: "2027-03-28T02:30:00",
        clockChange: "CLOCK_CHANGE_MOVED",
      },
    ],
  );
  gateway.use(
    writes("post", SCHEDULES, (body: Schedule) => {
      const made = { ...schedule("s"), ...body };
      world.schedules = [made];
      return HttpResponse.json({ schedule: made });
    }),
  );
  const { user } = open("/schedules/new");
  await user.type(await screen.findByLabelText("Name"), "Nightly round");
  const when = screen.getByLabelText("When");
  await user.clear(when);
  await user.type(when, "30 2 * * *");
  const zone = screen.getByLabelText("Time zone");
  await user.clear(zone);
  await user.type(zone, "Europe/Berlin");
  const next = screen.getByRole("region", { name: "Next fires" });
  await waitFor(() => expect(next).toHaveTextContent(/Tue,? 24 Nov 2026.*02:30/));
  await waitFor(() => expect(next).toHaveTextContent("02:30 does not exist on that day, so it fires at 03:00."));
  expect(screen.getByText("Every day at 02:30.")).toBeVisible();
  await user.type(screen.getByLabelText("What is to be done?"), "Walk round");
  await waitFor(() => expect(screen.getByLabelText("Assignee")).toHaveValue(`${W}/agents/noa`));
  await user.selectOptions(screen.getByLabelText("When times were missed"), "MISSED_FIRE_POLICY_ALL");
  await user.keyboard("{Control>}{Enter}{/Control}");
  await waitFor(() => expect(window.location.pathname).toBe("/schedules"));
  expect(world.bodies(`POST ${SCHEDULES}`)).toEqual([
    {
      displayName: "Nightly round",
      cron: "30 2 * * *",
      timeZone: "Europe/Berlin",
      template: { title: "Walk round", brief: "", assignee: `${W}/agents/noa`, acceptanceChecks: [] },
      overlapPolicy: "OVERLAP_POLICY_SKIP",
      missedFirePolicy: "MISSED_FIRE_POLICY_ALL",
    },
  ]);
  expect(await screen.findByRole("region", { name: "Nightly round" })).toHaveTextContent("It has not fired yet.");
});

test("what is wrong with an expression stands at it while it is written, and goes", async () => {
  gateway.use(
    writes("post", `${SCHEDULES}:preview`, ({ cron }: PreviewScheduleRequest) =>
      cron.startsWith("61")
        ? problem(400, "INVALID_FIELD", { violations: [{ field: "cron", description: 'minute: "61" is no value' }] })
        : HttpResponse.json({ fires: [] }),
    ),
  );
  const { user } = open("/schedules/new");
  const when = await screen.findByLabelText("When");
  await user.clear(when);
  await user.type(when, "61 2 * * *");
  expect(await screen.findByRole("alert")).toHaveTextContent('Minute: "61" is no value.');
  expect(when).toBeInvalid();
  await user.click(screen.getByRole("button", { name: "Every hour" }));
  expect(when).toHaveValue("0 * * * *");
  await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
});

test("a name, a title and somebody are asked for before anything is sent", async () => {
  world.agents = [];
  const { user } = open("/schedules/new");
  await user.click(await screen.findByRole("button", { name: "Put it on the clock" }));
  expect(await screen.findByText("Give it a name.")).toBeVisible();
  expect(screen.getByText("Say in one line what is to be done.")).toBeVisible();
  expect(screen.getByText("Somebody has to do it. Pick a team member.")).toBeVisible();
  expect(world.bodies(`POST ${SCHEDULES}`)).toEqual([]);
});

test("a look at one says when, what, and what became of each fire, with ways to its runs", async () => {
  world.schedules = [schedule("s", { startedFires: "2", skippedFires: "1", failedFires: "1", missedTimes: "3" })];
  world.fires = [
    fire("6", { state: "SCHEDULE_FIRE_STATE_WAITING", blockingRun: `${W}/runs/b` }),
    fire("5", { state: "SCHEDULE_FIRE_STATE_DUE", attempts: 2, message: "the registry is away" }),
    fire("4", { state: "SCHEDULE_FIRE_STATE_STARTED", run: `${W}/runs/r4`, missedTimes: "3" }),
    fire("3", { state: "SCHEDULE_FIRE_STATE_STARTED", run: `${W}/runs/r3`, requester: ME, note: "After the storm" }),
    fire("2", { state: "SCHEDULE_FIRE_STATE_SKIPPED", reason: "OVERLAP" }),
    fire("1", { state: "SCHEDULE_FIRE_STATE_FAILED", reason: "PERMISSION_DENIED", message: "its creator has left" }),
  ];
  open("/schedules?schedule=s");
  const peek = await screen.findByRole("region", { name: "Nightly round" });
  expect(peek).toHaveTextContent("Every day at 02:30, Europe/Berlin. Next in 2 h");
  expect(peek).toHaveTextContent("If the run before goes on, it waits for it.");
  expect(peek).toHaveTextContent("2 runs started, 1 skipped, 1 did not start, 3 missed");
  const history = await within(peek).findByRole("list", { name: "History" });
  const rows = within(history)
    .getAllByRole("listitem")
    .map((row) => row.textContent);
  expect(rows[0]).toContain("Waits for the run before it");
  expect(rows[1]).toContain("Not started yet, tried 2 times: the registry is away");
  expect(rows[2]).toContain("Stands for 3 times that were missed");
  expect(rows[3]).toContain("Started by you, by hand");
  expect(rows[3]).toContain("After the storm");
  expect(rows[4]).toContain("Skipped: the run before it had not ended");
  expect(rows[5]).toContain("Did not start: its creator has left");
  const runs = within(history).getAllByRole("link", { name: "Its run" });
  expect(runs.map((link) => link.getAttribute("href"))).toEqual(["/runs/r4", "/runs/r3"]);
  expect(within(history).getByRole("link", { name: "The run before" })).toHaveAttribute("href", "/runs/b");
});

test("F fires it once for a press, P stops its clock and lets it go on", async () => {
  world.schedules = [schedule("s")];
  const clock = (order: string, paused: boolean) =>
    writes("post", `${SCHEDULES}/s:${order}`, () => {
      world.schedules = [schedule("s", { paused, ...(paused ? { nextFireTime: undefined } : {}) })];
      return HttpResponse.json({ schedule: world.schedules[0] });
    });
  gateway.use(
    writes("post", `${SCHEDULES}/s:run`, () => HttpResponse.json({ fire: { name: `${W}/schedules/s/fires/1` } })),
  );
  const { user } = open("/schedules");
  await screen.findByRole("link", { name: /Nightly round/ });
  await user.keyboard("j");
  const peek = await screen.findByRole("region", { name: "Nightly round" });
  await user.keyboard("f");
  expect(await screen.findByText(/It fires now/)).toBeVisible();
  expect(world.written[0]?.key).toMatch(/^[0-9a-f-]{36}$/);
  gateway.use(clock("pause", true));
  await user.keyboard("p");
  await waitFor(() => expect(peek).toHaveTextContent("Its clock stands."));
  gateway.use(clock("resume", false));
  await user.click(within(peek).getByRole("button", { name: /Resume/ }));
  await waitFor(() => expect(peek).toHaveTextContent("Next in"));
});

test("one is changed against the etag that was read; what somebody else changed is not overwritten", async () => {
  world.schedules = [schedule("s")];
  gateway.use(writes("patch", `${SCHEDULES}/s`, () => problem(409, "ETAG_MISMATCH")));
  const { user } = open("/schedules/s");
  const name = await screen.findByLabelText("Name");
  expect(screen.getByLabelText("Check 1")).toHaveValue("It is dark");
  await user.clear(name);
  await user.type(name, "Noon round");
  await user.click(screen.getByRole("button", { name: /^Save/ }));
  expect(await screen.findByText("Detail of ETAG_MISMATCH.")).toBeVisible();
  expect(world.written.find((each) => each.call.startsWith("PATCH"))?.ifMatch).toBe("e1");
  world.schedules = [schedule("s", { displayName: "Dawn round", etag: "e2" })];
  await user.click(screen.getByRole("button", { name: /Read it again/ }));
  await waitFor(() => expect(screen.getByLabelText("Name")).toHaveValue("Dawn round"));
});

test("deleting names what goes and what stays", async () => {
  world.schedules = [schedule("s")];
  gateway.use(
    writes("delete", `${SCHEDULES}/s`, () => {
      world.schedules = [];
      return HttpResponse.json({});
    }),
  );
  const { user } = open("/schedules?schedule=s");
  await user.click(await screen.findByRole("button", { name: "Delete" }));
  const dialog = await screen.findByRole("dialog", { name: 'Delete "Nightly round"?' });
  expect(dialog).toHaveTextContent("Tasks and runs that it started stay and go on.");
  await user.click(within(dialog).getByRole("button", { name: "Delete the schedule" }));
  expect(await screen.findByRole("heading", { name: "Nothing is on the clock" })).toBeVisible();
});
