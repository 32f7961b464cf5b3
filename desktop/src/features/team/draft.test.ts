import { expect, test } from "vitest";
import type { Agent, AgentSpec } from "~/api/gen/schemas";
import { Agent as AgentSchema } from "~/api/gen/schemas";
import { AgentDraft, draftOf, fieldOf, nanoOf, newDraft, specOf } from "./draft";

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

test("what the gateway says about a limit lands at its field", () => {
  const draft = { ...valid, tools: valid.tools.map((grant) => ({ ...grant, policy: "ask" as const })) };
  expect(fieldOf(draft, "agent.spec.limits.max_cost_nano_usd")).toBe("maxDollars");
  expect(fieldOf(draft, "agent.spec.limits.max_step_duration")).toBe("stepMinutes");
  expect(fieldOf(draft, "agent.spec.tools[1].approval_expiry")).toBe("tools.1.expiry");
});
