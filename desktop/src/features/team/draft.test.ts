import { expect, test } from "vitest";
import type { Agent, AgentSpec } from "~/api/gen/schemas";
import { Agent as AgentSchema } from "~/api/gen/schemas";
import { AgentDraft, DELEGATE, draftOf, fieldOf, nanoOf, newDraft, specOf, teammateName } from "./draft";

const agentWith = (spec: Partial<AgentSpec>): Agent =>
  AgentSchema.parse({
    name: "workspaces/w/agents/a",
    displayName: "Ana",
    spec: { instructions: "Do it.", model: "simulator/demo", ...spec },
  });

test("limits and expiries go through the form and back as they were", () => {
  const limits = {
    maxSteps: 7,
    maxTokens: "9000",
    maxDuration: "5430s",
    maxCostNanoUsd: "250000000",
    maxStepDuration: "90s",
  };
  const tools = [
    {
      tool: "write_artifact",
      policy: "TOOL_POLICY_ASK" as const,
      allowedHosts: [],
      effect: "REQUEST_EFFECT_UNSPECIFIED" as const,
      queryUrl: "",
      teammates: [],
      approvalExpiry: "5400s",
    },
  ];
  const agent = agentWith({ limits, tools });
  const draft = draftOf(agent);
  expect(draft).toMatchObject({ maxDollars: "0.25", stepMinutes: "1.5", maxMinutes: "91" });
  const spec = specOf(draft, agent.spec);
  // What the form rounds and nobody touched is not rounded on the way back.
  expect(spec.limits).toEqual(limits);
  expect(spec.tools).toEqual(tools);
});

test("an expiry goes with asking alone", () => {
  const agent = agentWith({});
  const draft = draftOf(agent);
  const with_ = (policy: "ask" | "allow") => ({
    ...draft,
    tools: draft.tools.map((grant) => (grant.tool === "write_artifact" ? { ...grant, policy, expiry: "3600" } : grant)),
  });
  expect(specOf(with_("ask")).tools).toMatchObject([{ tool: "write_artifact", approvalExpiry: "3600s" }]);
  expect(specOf(with_("allow")).tools[0]).not.toHaveProperty("approvalExpiry");
});

test.each([
  ["5", "5000000000"],
  ["0.25", "250000000"],
  ["0.000000001", "1"],
  ["1000000", "1000000000000000"],
])("%s dollars are %s nano dollars", (dollars, nano) => expect(nanoOf(dollars)).toBe(nano));

const valid = { ...newDraft("simulator/demo"), displayName: "Ana", instructions: "Do it." };
const accepts = (more: Partial<AgentDraft>) => AgentDraft.safeParse({ ...valid, ...more }).success;

test.each(["", "5", "0.25", "1000000", "0.000000001"])("%s dollars are taken", (maxDollars) =>
  expect(accepts({ maxDollars })).toBe(true),
);
test.each(["0", "0.0", "1000000.01", "-1", "1e3", "five", "0.0000000001"])("%s dollars are not", (maxDollars) =>
  expect(accepts({ maxDollars })).toBe(false),
);
test.each(["", "15", "1440", "0.02"])("%s minutes a step are taken", (stepMinutes) =>
  expect(accepts({ stepMinutes })).toBe(true),
);
test.each(["0", "0.01", "1440.1", "x"])("%s minutes a step are not", (stepMinutes) =>
  expect(accepts({ stepMinutes })).toBe(false),
);

test.each(["", "1000", "200000", "10000000"])("a window of %s tokens is taken", (windowTokens) =>
  expect(accepts({ windowTokens })).toBe(true),
);
test.each(["999", "10000001", "1e5", "many"])("a window of %s tokens is not", (windowTokens) =>
  expect(accepts({ windowTokens })).toBe(false),
);

test("what is said of the context goes through the form, and what it does not show stays", () => {
  const context = { windowTokens: 64_000, compactAtPercent: 60 };
  const agent = agentWith({ context });
  expect(specOf(draftOf(agent), agent.spec).context).toEqual(context);
  expect(specOf({ ...draftOf(agent), windowTokens: "" }, agent.spec).context).toEqual({ compactAtPercent: 60 });
  expect(specOf(valid)).not.toHaveProperty("context");
  expect(fieldOf(valid, "agent.spec.context.window_tokens")).toBe("windowTokens");
});

test("what the gateway says about a limit lands at its field", () => {
  const draft = { ...valid, tools: valid.tools.map((grant) => ({ ...grant, policy: "ask" as const })) };
  expect(fieldOf(draft, "agent.spec.limits.max_cost_nano_usd")).toBe("maxDollars");
  expect(fieldOf(draft, "agent.spec.limits.max_step_duration")).toBe("stepMinutes");
  expect(fieldOf(draft, "agent.spec.tools[1].approval_expiry")).toBe("tools.1.expiry");
});

const bob = { name: "bob", agent: "workspaces/w/agents/bob", purpose: "Finds things." };
const delegates = (teammates: AgentDraft["tools"][number]["teammates"], policy: "allow" | "deny" = "allow") => ({
  ...valid,
  tools: valid.tools.map((grant) => (grant.tool === DELEGATE ? { ...grant, policy, teammates } : grant)),
});

test("whom a member may hand work to goes through the form and back", () => {
  expect(valid.tools.find(({ tool }) => tool === DELEGATE)?.policy).toBe("deny");
  const spec = specOf(delegates([bob]));
  expect(spec.tools.find(({ tool }) => tool === DELEGATE)).toMatchObject({ teammates: [bob] });
  const again = draftOf(agentWith({ tools: spec.tools }));
  expect(again.tools.find(({ tool }) => tool === DELEGATE)).toMatchObject({ policy: "allow", teammates: [bob] });
});

test("a team has somebody in it, whose names differ and are as the contract has them", () => {
  const wrong = (draft: AgentDraft) =>
    AgentDraft.safeParse(draft).error?.issues.map(({ path }) => path.slice(2).join("."));
  expect(wrong(delegates([bob]))).toBeUndefined();
  expect(wrong(delegates([], "deny"))).toBeUndefined();
  expect(wrong(delegates([]))).toEqual(["teammates"]);
  expect(wrong(delegates([bob, bob]))).toEqual(["teammates.1.name"]);
  for (const name of ["", "Bob", "2bob", "b".repeat(65)]) {
    expect(wrong(delegates([{ ...bob, name }]))).toEqual(["teammates.0.name"]);
  }
  expect(wrong(delegates([{ ...bob, purpose: "x".repeat(301) }]))).toEqual(["teammates.0.purpose"]);
  const many = (count: number) => Array.from({ length: count }, (_, at) => ({ ...bob, name: `bob-${at}` }));
  expect(wrong(delegates(many(20)))).toBeUndefined();
  expect(wrong(delegates(many(21)))).toEqual(["teammates"]);
});

test("what the gateway says about a teammate lands at its field", () => {
  const draft = delegates([bob]);
  const row = draft.tools.findIndex(({ tool }) => tool === DELEGATE);
  const at = specOf(draft).tools.findIndex(({ tool }) => tool === DELEGATE);
  const path = `agent.spec.tools[${at}].teammates`;
  expect(fieldOf(draft, path)).toBe(`tools.${row}.teammates`);
  expect(fieldOf(draft, `${path}[0].agent`)).toBe(`tools.${row}.teammates.0.agent`);
});

test.each([
  ["Ana", [], "ana"],
  ["Ana", ["ana", "ana-2"], "ana-3"],
  ["Élise van Dam!", [], "elise-van-dam"],
  ["2 robots", [], "robots"],
  ["作家", [], "teammate"],
])("%s with %j taken is called %s", (displayName, taken, name) => expect(teammateName(displayName, taken)).toBe(name));
