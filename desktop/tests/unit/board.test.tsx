// The board: what the gateway is asked for, changes where they stand, and many at once.
import { screen, waitFor, within } from "@testing-library/react";
import { HttpResponse } from "msw";
import { expect, test } from "vitest";
import type { BatchUpdateTasksRequest, Task } from "~/api/gen/schemas";
import { agent, approval, gateway, ME, open, playGateway, problem, TIME, task, W, world, writes } from "./app";

playGateway();

const TASK = `/v1/${W}/tasks/t`;
const LATER = "2026-11-23T10:00:00Z";

/** The gateway changes task t, whose etag then is `etag`. */
const takes = (etag: string) =>
  gateway.use(
    writes("patch", TASK, (body: Partial<Task>, request) => {
      const mask = new URL(request.url).searchParams.get("updateMask")?.split(",") ?? [];
      const empty = Object.fromEntries(mask.map((field) => [field, undefined]));
      const now = { ...world.tasks[0], ...empty, ...body, etag, updateTime: LATER };
      world.tasks = [now];
      return HttpResponse.json({ task: now });
    }),
  );

async function peekAt(more: Partial<Task> = {}) {
  world.tasks = [task("t", { title: "Set sail", etag: "e1", ...more })];
  const { user } = open("/tasks?task=t");
  return { user, peek: await screen.findByRole("region", { name: "Set sail" }) };
}

test("a link's filters and order are what the gateway is asked for", async () => {
  world.tasks = [task("a", { labels: ["ui"] })];
  world.agents = [agent("ana", { displayName: "Ana" })];
  open("/tasks?state=open&assignee=ana&labels=ui&priority=high&blocked=false&order=due");
  await screen.findByText("Task a");
  const query = new URLSearchParams(world.asked.find((each) => each.includes("assignee")));
  expect(Object.fromEntries(query)).toEqual({
    pageSize: "100",
    state: "TASK_STATE_OPEN",
    assignee: `${W}/agents/ana`,
    labels: "ui",
    priority: "TASK_PRIORITY_HIGH",
    blocked: "false",
    orderBy: "due_time",
  });
  for (const chip of ["Ana", "High priority", "ui", "Not blocked"]) {
    expect(screen.getByRole("button", { name: `${chip}: take this filter out` })).toBeVisible();
  }
});

test("what is done is not listed as overdue", async () => {
  world.tasks = [task("open", { dueTime: TIME }), task("done", { dueTime: TIME, state: "TASK_STATE_DONE" })];
  open("/tasks?due=overdue");
  expect(await screen.findByText("Task open")).toBeVisible();
  expect(screen.queryByText("Task done")).toBeNull();
  expect(world.asked.at(-1)).toContain("dueBefore=");
});

test("a priority is picked by keys, seen at once, and sent alone with the etag", async () => {
  takes("e2");
  const { user, peek } = await peekAt();
  await user.keyboard("p");
  await user.click(await screen.findByRole("menuitemradio", { name: "Urgent" }));
  expect(await within(peek).findByRole("button", { name: "Priority: Urgent" })).toBeVisible();
  await waitFor(() => expect(world.bodies(`PATCH ${TASK}`)).toEqual([{ priority: "TASK_PRIORITY_URGENT" }]));
  expect(world.written[0]?.ifMatch).toBe("e1");
});

test("a way around is refused by name, and what was shown is taken back", async () => {
  const message = '"Set sail" would be blocked by "Lay the keel", which is blocked by "Set sail"';
  gateway.use(writes("patch", TASK, () => problem(409, "TASK_CYCLE", { detail: message })));
  world.tasks = [task("t", { title: "Set sail", etag: "e1" }), task("k", { title: "Lay the keel" })];
  const { user } = open("/tasks?task=t");
  const peek = await screen.findByRole("region", { name: "Set sail" });
  await user.keyboard("b");
  await user.click(await screen.findByRole("option", { name: /Lay the keel/ }));
  expect(await within(peek).findByRole("alert")).toHaveTextContent(`That would go around in a circle: ${message}.`);
  expect(within(peek).queryByRole("button", { name: "Do not wait for Lay the keel" })).toBeNull();
  expect(world.bodies(`PATCH ${TASK}`)).toEqual([{ blockedBy: [`${W}/tasks/k`] }]);
});

test("a change of something else meanwhile is no conflict; one of the same is, and nothing is lost", async () => {
  const { user, peek } = await peekAt();
  const stale = (fresh: string) =>
    writes("patch", TASK, (body: Partial<Task>, request) => {
      if (request.headers.get("If-Match") !== fresh) return problem(412, "ETAG_MISMATCH");
      world.tasks = [{ ...world.tasks[0], ...body, etag: `${fresh}+`, updateTime: LATER }];
      return HttpResponse.json({ task: world.tasks[0] });
    });
  world.tasks = [task("t", { title: "Set sail", etag: "e2", state: "TASK_STATE_DONE" })];
  gateway.use(stale("e2"));
  await user.keyboard("e");
  const title = await within(peek).findByLabelText("Title");
  await user.clear(title);
  await user.type(title, "Set the sails{Enter}");
  await waitFor(() => expect(world.written.map(({ ifMatch }) => ifMatch)).toEqual(["e1", "e2"]));
  const renamed = await screen.findByRole("region", { name: "Set the sails" });

  world.tasks = [task("t", { title: "Theirs", etag: "e3", updateTime: "2026-11-23T11:00:00Z" })];
  gateway.use(stale("e3"));
  await user.keyboard("e");
  await user.type(await within(renamed).findByLabelText("Title"), " now{Enter}");
  const note = await screen.findByText(/Somebody has changed this while you were writing/);
  expect(note).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Save mine over it" }));
  await waitFor(() => expect(world.bodies(`PATCH ${TASK}`).at(-1)).toEqual({ title: "Set the sails now" }));
  await waitFor(() => expect(screen.queryByLabelText("Title")).toBeNull());
});

test("due times are set and taken out by a mask", async () => {
  takes("e2");
  const { user, peek } = await peekAt({ dueTime: TIME });
  expect(within(peek).getByText("overdue since")).toBeInTheDocument();
  await user.keyboard("d");
  await user.click(await screen.findByRole("menuitemradio", { name: "No due time" }));
  await waitFor(() => expect(world.bodies(`PATCH ${TASK}`)).toEqual([{}]));
  expect(await within(peek).findByText("at no time")).toBeVisible();
});

test("what waits for others does not start, and says why", async () => {
  world.agents = [agent("ana")];
  const { peek } = await peekAt({
    assignee: `${W}/agents/ana`,
    blockedBy: [`${W}/tasks/k`],
    openBlockers: [`${W}/tasks/k`],
  });
  expect(peek).toHaveTextContent("It can start when what it waits for is done. Nothing starts by itself then.");
  expect(within(peek).queryByRole("button", { name: "Start" })).toBeNull();
});

test("several are changed alike, labels by what each has, and each refusal is told at its row", async () => {
  world.tasks = [
    task("a", { labels: ["old", "ui"], etag: "ea" }),
    task("b", { labels: [], etag: "eb" }),
    task("c", { etag: "ec" }),
  ];
  gateway.use(
    writes("post", `/v1/${W}/tasks:batchUpdate`, ({ updates }: BatchUpdateTasksRequest) =>
      HttpResponse.json({
        results: updates.map(({ task: { name } }) =>
          name.endsWith("/b")
            ? { name, refusal: { code: 10, reason: "ETAG_MISMATCH", message: "x", metadata: {}, violations: [] } }
            : { name, task: { name, title: "x" } },
        ),
      }),
    ),
  );
  const { user } = open("/tasks");
  await screen.findByText("Task a");
  await user.keyboard("jxjx");
  const together = await screen.findByRole("region", { name: "Change together" });
  expect(together).toHaveTextContent("2 tasks chosen");
  expect(within(together).getByRole("button", { name: "Change all 2" })).toBeDisabled();
  await user.selectOptions(within(together).getByLabelText("Priority"), "High");
  await user.type(within(together).getByLabelText("Add labels"), "Ship");
  await user.selectOptions(within(together).getByLabelText("Take out a label"), "old");
  await user.click(within(together).getByRole("button", { name: "Change all 2" }));
  const fates = await screen.findByRole("region", { name: "What became of them" });
  expect(within(fates).getByRole("status")).toHaveTextContent("1 of 2 was changed");
  const [refused, taken] = within(fates).getAllByRole("listitem");
  expect(refused).toHaveTextContent("Task bSomebody changed it meanwhile; look at it and try again.");
  expect(taken).toHaveTextContent("Task aChanged.");
  expect(world.bodies(`POST /v1/${W}/tasks:batchUpdate`)).toEqual([
    {
      updates: [
        {
          task: {
            name: `${W}/tasks/a`,
            title: "Task a",
            priority: "TASK_PRIORITY_HIGH",
            labels: ["ui", "ship"],
            etag: "ea",
          },
          updateMask: "priority,labels",
        },
        {
          task: {
            name: `${W}/tasks/b`,
            title: "Task b",
            priority: "TASK_PRIORITY_HIGH",
            labels: ["ship"],
            etag: "eb",
          },
          updateMask: "priority,labels",
        },
      ],
    },
  ]);
  await user.keyboard("{Enter}");
  await waitFor(() => expect(screen.queryByRole("region", { name: "What became of them" })).toBeNull());
});

test("one's own comments can be taken back, others' cannot", async () => {
  const comment = (id: string, author: string) => ({
    name: `${W}/tasks/t/comments/${id}`,
    text: `Said by ${id}`,
    author,
    createTime: TIME,
  });
  world.comments = [comment("one", ME), comment("other", "users/other")];
  gateway.use(
    writes("post", `${TASK}/comments`, ({ text }: { text: string }) => {
      const made = { ...comment("new", ME), text };
      world.comments = [...world.comments, made];
      return HttpResponse.json({ taskComment: made });
    }),
    writes("delete", `${TASK}/comments/one`, () => {
      world.comments = world.comments.slice(1);
      return HttpResponse.json({});
    }),
  );
  const { user, peek } = await peekAt();
  const comments = within(peek).getByRole("region", { name: "Comments" });
  await within(comments).findByText("Said by other");
  expect(within(comments).getAllByRole("button", { name: "Take back your comment" })).toHaveLength(1);
  await user.click(within(comments).getByRole("button", { name: "Take back your comment" }));
  await waitFor(() => expect(within(comments).queryByText("Said by one")).toBeNull());
  await user.keyboard("m");
  await user.keyboard("Heard.{Control>}{Enter}{/Control}");
  expect(await within(comments).findByText("Heard.")).toBeVisible();
  expect(within(comments).getByLabelText("Say something about it")).toHaveValue("");
});

test("a sequence that ends in a letter of the screen goes places, and does nothing else", async () => {
  world.items = [approval("x")];
  const { user } = open("/inbox");
  await screen.findByRole("heading", { name: /example.com\/x$/ });
  await user.keyboard("ga");
  await waitFor(() => expect(window.location.pathname).toBe("/inbox/rules"));
  expect(world.written).toEqual([]);
});
