// Not being asked again: making a rule of an approval, seeing what it will match, and taking it back.
import { screen, waitFor, within } from "@testing-library/react";
import { HttpResponse } from "msw";
import { expect, test } from "vitest";
import type { ApprovalRule, Decision } from "~/api/gen/schemas";
import { agent, approval, EDGE, gateway, ME, open, playGateway, problem, W, world, writes } from "./app";

playGateway();

const RULES = `/v1/${W}/approvalRules`;
const DECIDE = `/v1/${W}/inbox/x:decide`;
const takes = () =>
  gateway.use(
    writes("post", DECIDE, ({ decision }: { decision: Decision }) => {
      const made = decision.approve?.alwaysAllow ? { approvalRule: `${W}/approvalRules/r` } : {};
      const item = { ...world.items[0], state: "INBOX_ITEM_STATE_DECIDED", decision, decider: ME, ...made };
      world.items = [item];
      return HttpResponse.json({ inboxItem: item });
    }),
  );

async function openForm() {
  world.items = [approval("x")];
  const opened = open("/inbox");
  await screen.findByRole("heading", { name: /example.com\/x$/ });
  await opened.user.keyboard("l");
  return { ...opened, form: await screen.findByRole("form", { name: "Always allow this" }) };
}

test("just this call is a rule that the decision makes", async () => {
  takes();
  const { user, form } = await openForm();
  const rule = within(form).getByRole("region", { name: "The rule" });
  expect(rule).toHaveTextContent("Ana may use http_request without asking");
  expect(rule).toHaveTextContent("method is exactly POST");
  expect(rule).toHaveTextContent("count is exactly 1");
  await user.keyboard("{Control>}{Enter}{/Control}");
  await waitFor(() => expect(world.bodies(`POST ${DECIDE}`)).toEqual([{ decision: { approve: { alwaysAllow: {} } } }]));
  expect(await screen.findByText("Approved. Ana goes on, and does not ask about this again.")).toBeVisible();
  expect(world.bodies(`POST ${RULES}`)).toEqual([]);
});

test("a wider rule is said in words, made first, and then the call is approved", async () => {
  takes();
  gateway.use(
    writes("post", RULES, (body: ApprovalRule) =>
      HttpResponse.json({ approvalRule: { ...body, name: `${W}/approvalRules/r` } }),
    ),
  );
  const { user, form } = await openForm();
  await user.selectOptions(within(form).getByLabelText("url may be"), "below");
  const address = within(form).getByLabelText("url: address");
  await user.clear(address);
  await user.type(address, "https://api.example.com/refunds");
  await user.selectOptions(within(form).getByLabelText("count may be"), "any");
  await user.selectOptions(within(form).getByLabelText("It holds"), "7");
  const rule = within(form).getByRole("region", { name: "The rule" });
  expect(rule).toHaveTextContent("url is this address or below it https://api.example.com/refunds");
  expect(rule).toHaveTextContent("count is anything, or nothing");
  await user.click(within(form).getByRole("button", { name: /Approve and save the rule/ }));
  await waitFor(() => expect(world.bodies(`POST ${DECIDE}`)).toEqual([{ decision: { approve: {} } }]));
  const [made] = world.bodies(`POST ${RULES}`) as ApprovalRule[];
  expect(made).toMatchObject({
    agent: `${W}/agents/a`,
    tool: "http_request",
    conditions: [
      { pointer: "/method", equalsJson: '"POST"' },
      { pointer: "/url", urlPrefix: "https://api.example.com/refunds" },
      { pointer: "/count", any: {} },
    ],
  });
  const days = (Date.parse(made?.expireTime ?? "") - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(6.9);
  expect(days).toBeLessThan(7.1);
});

test("what the gateway says about a condition stands at its argument, and nothing is approved", async () => {
  gateway.use(
    writes("post", RULES, () =>
      problem(400, "INVALID_FIELD", {
        violations: [{ field: "approval_rule.conditions[1].url_prefix", description: "must not have a user name" }],
      }),
    ),
  );
  const { user, form } = await openForm();
  await user.selectOptions(within(form).getByLabelText("url may be"), "below");
  await user.click(within(form).getByRole("button", { name: /Approve and save the rule/ }));
  expect(await within(form).findByText("Must not have a user name")).toBeVisible();
  expect(within(form).getByLabelText("url: address")).toBeInvalid();
  expect(world.bodies(`POST ${DECIDE}`)).toEqual([]);
});

test("a rule for every call of a tool is warned about", async () => {
  const { user, form } = await openForm();
  for (const name of ["method", "url", "count"]) {
    await user.selectOptions(within(form).getByLabelText(`${name} may be`), "any");
  }
  expect(within(form).getByRole("alert")).toHaveTextContent("That is every call of this tool.");
});

test("an operator may approve, and makes no rules", async () => {
  const { http } = await import("msw");
  gateway.use(
    http.get(`${EDGE}/v1/me`, () =>
      HttpResponse.json({
        user: { name: ME, email: "ana@example.com", displayName: "Ana" },
        memberships: [{ workspace: W, workspaceDisplayName: "Acme", role: "ROLE_OPERATOR" }],
      }),
    ),
  );
  world.items = [approval("x")];
  open("/inbox");
  expect(await screen.findByRole("button", { name: /^Approve/ })).toBeVisible();
  expect(screen.queryByRole("button", { name: /Always allow/ })).toBeNull();
});

const rule = (id: string, more: Partial<ApprovalRule> = {}): Partial<ApprovalRule> => ({
  name: `${W}/approvalRules/${id}`,
  agent: `${W}/agents/a`,
  tool: "http_request",
  conditions: [{ pointer: "/url", urlPrefix: "https://api.example.com/refunds" }],
  state: "APPROVAL_RULE_STATE_ACTIVE",
  creator: ME,
  createTime: "2026-11-23T09:00:00Z",
  useCount: "12",
  lastUseTime: "2026-11-23T09:30:00Z",
  ...more,
});

test("rules are listed with their uses, and revoked", async () => {
  world.agents = [agent("a", { displayName: "Ana" })];
  world.rules = [rule("r"), rule("s", { tool: "write_artifact", conditions: [], useCount: "0" })];
  gateway.use(
    writes("post", `${RULES}/r:revoke`, () => {
      const revoked = rule("r", {
        state: "APPROVAL_RULE_STATE_REVOKED",
        revoker: ME,
        revokeTime: new Date().toISOString(),
      });
      world.rules = world.rules.map((each) => (each.name === revoked.name ? revoked : each));
      return HttpResponse.json({ approvalRule: revoked });
    }),
  );
  const { user } = open("/inbox/rules");
  const list = await screen.findByRole("list", { name: "Approval rules" });
  expect(await within(list).findByRole("link", { name: /Ana may use http_request.*used 12 times/ })).toBeVisible();
  expect(within(list).getByRole("link", { name: /write_artifact.*without arguments.*never used/ })).toBeVisible();
  await user.keyboard("j");
  const peek = await screen.findByRole("region", { name: "The rule" });
  expect(peek).toHaveTextContent("url is this address or below it https://api.example.com/refunds");
  expect(peek).toHaveTextContent("for good");
  await user.click(within(peek).getByRole("button", { name: "Revoke" }));
  expect(await screen.findByText("Revoked. You are asked again from now on.")).toBeVisible();
  await waitFor(() => expect(within(list).queryByRole("link", { name: /http_request/ })).toBeNull());
  await waitFor(() =>
    expect(screen.getByRole("region", { name: "The rule" })).toHaveTextContent("revoked just now by you"),
  );
});

test("without rules it says how one comes to be", async () => {
  open("/inbox/rules");
  expect(await screen.findByRole("heading", { name: "You are asked every time" })).toBeVisible();
});
