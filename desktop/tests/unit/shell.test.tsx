// Getting in, getting around by keys, and what the shell says.
import { screen, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";
import { ListUsageResponse } from "~/api/gen/schemas";
import { spentSince } from "~/app/shell/counts";
import { agent, approval, EDGE, gateway, open, playGateway, problem, task, world, writes } from "./app";

playGateway();

test("who is not signed in is led to signing in, and then to where they wanted to go", async () => {
  world.tasks = [task("t")];
  gateway.use(
    writes("post", "/v1/auth:signIn", () =>
      HttpResponse.json({ session: { sessionToken: "s", refreshToken: "r" }, user: { name: "users/me" } }),
    ),
  );
  const { user } = open("/tasks?state=open", { signedIn: false });
  await user.type(await screen.findByLabelText("E-mail"), "ana@example.com");
  await user.type(screen.getByLabelText("Password"), "secret{Enter}");
  expect(await screen.findByText("Task t")).toBeVisible();
  expect(window.location.pathname + window.location.search).toBe("/tasks?state=open");
});

test("a wrong password is told without saying which half is wrong", async () => {
  gateway.use(writes("post", "/v1/auth:signIn", () => problem(401, "INVALID_CREDENTIALS")));
  const { user } = open("/sign-in", { signedIn: false });
  await user.type(await screen.findByLabelText("E-mail"), "ana@example.com");
  await user.type(screen.getByLabelText("Password"), "wrong{Enter}");
  expect(await screen.findByRole("alert")).toHaveTextContent("E-mail and password do not belong together");
});

test("a link's code leaves the address at once, and signs in", async () => {
  gateway.use(
    writes("post", "/v1/auth:exchange", () =>
      HttpResponse.json({ session: { sessionToken: "s", refreshToken: "r" }, user: { name: "users/me" } }),
    ),
  );
  open("/sign-in#code=mc_otc_secret", { signedIn: false });
  await waitFor(() => expect(window.location.pathname).toBe("/inbox"));
  expect(window.location.href).not.toContain("mc_otc_secret");
  expect(world.bodies("POST /v1/auth:exchange")).toEqual([{ code: "mc_otc_secret" }]);
});

test("a link that was used already says how to get another", async () => {
  gateway.use(writes("post", "/v1/auth:exchange", () => problem(401, "SIGN_IN_CODE_INVALID")));
  open("/sign-in#code=old", { signedIn: false });
  expect(await screen.findByRole("alert")).toHaveTextContent("./mc link");
  expect(screen.getByLabelText("E-mail")).toBeVisible();
});

test("sequences go places, and keys do nothing while somebody types", async () => {
  world.tasks = [task("t")];
  world.agents = [agent("ana")];
  const { user } = open("/inbox");
  await screen.findByText("Nothing needs you");
  await user.keyboard("gt");
  expect(await screen.findByText("Task t")).toBeVisible();
  await user.keyboard("/");
  await user.keyboard("gi");
  expect(window.location.pathname).toBe("/tasks");
  expect(await screen.findByText("No task fits")).toBeVisible();
});

test("finding looks for every word in titles and briefs", async () => {
  world.tasks = [task("a", { title: "Fix login", brief: "flaky on CI" }), task("b", { title: "Fix logout" })];
  open("/tasks?find=LOGIN%20flaky");
  expect(await screen.findByText("Fix login")).toBeVisible();
  expect(screen.queryByText("Fix logout")).toBeNull();
});

test("the palette finds what is loaded and goes there", async () => {
  world.tasks = [task("t", { title: "Water the plants" })];
  const { user } = open("/tasks");
  await screen.findByText("Water the plants");
  await user.keyboard("{Control>}k{/Control}");
  await user.type(await screen.findByRole("combobox"), "plants");
  await user.keyboard("{Enter}");
  await waitFor(() => expect(window.location.search).toBe("?task=t"));
});

test("? shows every key", async () => {
  const { user } = open("/tasks");
  await screen.findByText("Nothing to do yet");
  await user.keyboard("?");
  expect(await screen.findByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  expect(screen.getByText("Reject with a reason")).toBeVisible();
});

test("what needs a person is counted in the sidebar and the status bar", async () => {
  world.items = [approval("a"), approval("b")];
  open("/tasks");
  expect(await screen.findByRole("link", { name: /^Inbox.*2.*need you$/ })).toBeVisible();
  expect(screen.getByRole("link", { name: "2 need you" })).toBeVisible();
});

test("a list that cannot be read says why and how to go on", async () => {
  gateway.use(http.get(`${EDGE}/v1/workspaces/w/tasks`, () => problem(403, "PERMISSION_DENIED")));
  open("/tasks");
  expect(await screen.findByText("Detail of PERMISSION_DENIED.")).toBeVisible();
  expect(screen.getByRole("button", { name: "Try again" })).toBeVisible();
});

test("today's spend leaves out yesterday, and says when something is not known", () => {
  const ledger = (entries: object[], nextPageToken = "") =>
    ListUsageResponse.parse({ entries, nextPageToken, total: {} });
  const midnight = Date.parse("2026-11-23T00:00:00Z");
  const today = { createTime: "2026-11-23T08:00:00Z", costNanoUsd: "1500000000" };
  const yesterday = { createTime: "2026-11-22T23:59:59Z", costNanoUsd: "9000000000" };
  const unknown = { createTime: "2026-11-23T09:00:00Z" };
  expect(spentSince(midnight, ledger([today, yesterday]))).toBe("$1.50");
  expect(spentSince(midnight, ledger([unknown, today, yesterday]))).toBe("at least $1.50");
  expect(spentSince(midnight, ledger([unknown]))).toBe("unknown");
  expect(spentSince(midnight, ledger([today], "more"))).toBe("at least $1.50");
  expect(spentSince(midnight, ledger([{ ...today, estimated: true }]))).toBe("~$1.50");
  expect(spentSince(midnight, ledger([]))).toBe("$0.00");
});
