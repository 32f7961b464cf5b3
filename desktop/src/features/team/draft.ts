// A team member as the form has it, and the way to and from the contract's shape.
import { z } from "zod";
import type { Agent, AgentSpec, ToolGrant } from "~/api/gen/schemas";

/** What is known about a tool, for choosing. */
export interface ToolInfo {
  readonly tool: string;
  readonly label: string;
  readonly does: string;
  /** It takes hosts that it may reach. */
  readonly hosts: boolean;
  /** It takes a promise of the servers, for recovery after a crash. */
  readonly effect: boolean;
  /** It takes agents that it may hand work to. */
  readonly teammates?: true;
  /** Policies it takes. */
  readonly policies: readonly Policy[];
}

export type Policy = "allow" | "ask" | "deny";
/** The tool that hands work to others. */
export const DELEGATE = "delegate";
const ALL: readonly Policy[] = ["allow", "ask", "deny"];

/** The tools of this build; what a spec grants beyond them is kept as it is. */
export const TOOLS: readonly ToolInfo[] = [
  {
    tool: "write_artifact",
    label: "Write files",
    does: "Keeps what it makes as artifacts of the run.",
    hosts: false,
    effect: false,
    policies: ALL,
  },
  {
    tool: "read_artifact",
    label: "Read files",
    does: "Reads artifacts of its run.",
    hosts: false,
    effect: false,
    policies: ALL,
  },
  {
    tool: "ask_human",
    label: "Ask you",
    does: "Puts a question into your inbox and waits.",
    hosts: false,
    effect: false,
    policies: ["allow", "deny"],
  },
  {
    tool: "wait",
    label: "Wait",
    does: "Sets itself a timer, and costs nothing until it is due.",
    hosts: false,
    effect: false,
    policies: ALL,
  },
  {
    tool: DELEGATE,
    label: "Hand work to teammates",
    does: "Gives others a task each, waits for them without costing anything, and reads what they bring back.",
    hosts: false,
    effect: false,
    teammates: true,
    policies: ALL,
  },
  {
    tool: "http_fetch",
    label: "Read from the web",
    does: "GETs pages of the hosts you name.",
    hosts: true,
    effect: false,
    policies: ALL,
  },
  {
    tool: "http_request",
    label: "Change things on the web",
    does: "POST, PUT, PATCH and DELETE at the hosts you name.",
    hosts: true,
    effect: true,
    policies: ALL,
  },
];

export const POLICY_WORDS: Record<Policy, string> = { allow: "Allow", ask: "Ask me", deny: "Deny" };

/** Choices for how long an approval may stay open before it is overdue, in seconds; empty for never. */
export const EXPIRIES = [
  ["", "Never"],
  ["900", "15 minutes"],
  ["3600", "1 hour"],
  ["14400", "4 hours"],
  ["86400", "1 day"],
  ["259200", "3 days"],
  ["604800", "1 week"],
] as const;

/** Most agents that one may hand work to. */
export const MAX_TEAMMATES = 20;

const TeammateDraft = z.object({
  /** What the agent calls it. */
  name: z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, "A lower case letter, then up to 63 of a to z, digits, _ and -."),
  agent: z.string().min(1, "Pick a team member."),
  /** When to give it work, in a line. */
  purpose: z.string().trim().max(300, "At most 300 characters."),
});
export type TeammateDraft = z.output<typeof TeammateDraft>;

const GrantDraft = z.object({
  tool: z.string(),
  policy: z.enum(["allow", "ask", "deny"]),
  /** Hosts, one per line. */
  hosts: z.string(),
  effect: z.enum(["REQUEST_EFFECT_AT_MOST_ONCE", "REQUEST_EFFECT_IDEMPOTENT", "REQUEST_EFFECT_QUERYABLE"]),
  queryUrl: z.string(),
  /** Seconds until an approval is overdue; empty for never. */
  expiry: z.string(),
  /** Whom `delegate` may hand work to. */
  teammates: z
    .array(TeammateDraft)
    .max(MAX_TEAMMATES, `At most ${MAX_TEAMMATES} teammates.`)
    .superRefine((team, context) => {
      team.forEach(({ name }, row) => {
        if (team.findIndex((each) => each.name === name) === row) return;
        context.addIssue({ code: "custom", path: [row, "name"], message: "Another teammate has this name." });
      });
    }),
});
export type GrantDraft = z.output<typeof GrantDraft>;

const wholeOrEmpty = (most: number, what: string) =>
  z
    .string()
    .refine((text) => text.trim() === "" || (/^\d+$/.test(text.trim()) && Number(text) >= 1 && Number(text) <= most), {
      message: `Write a whole number, 1 to ${most.toLocaleString("en")} ${what}, or leave it empty.`,
    });

/** What a model can be said to read and write in one call, in tokens. */
const WINDOW = { least: 1_000, most: 10_000_000 };

const DOLLARS = /^\d{1,7}(\.\d{1,9})?$/;
const MINUTES = /^\d{1,4}(\.\d{1,2})?$/;

/** The form. Bounds are those of the contract, so that most of what is wrong is said before anything is sent. */
export const AgentDraft = z.object({
  displayName: z.string().trim().min(1, "Give it a name.").max(80, "At most 80 characters."),
  role: z.string().trim().max(120, "At most 120 characters."),
  instructions: z
    .string()
    .refine((text) => text.trim() !== "", { message: "Say what it should do and how." })
    .refine((text) => new TextEncoder().encode(text).length <= 65_536, { message: "At most 64 KiB." }),
  model: z.string().min(1, "Pick a model."),
  tools: z.array(
    GrantDraft.refine(({ tool, policy, teammates }) => tool !== DELEGATE || policy === "deny" || teammates.length > 0, {
      path: ["teammates"],
      message: "Pick at least one team member, or deny it.",
    }),
  ),
  maxSteps: wholeOrEmpty(10_000, "model calls"),
  maxTokens: wholeOrEmpty(1_000_000_000, "tokens"),
  maxMinutes: wholeOrEmpty(43_200, "minutes"),
  maxDollars: z
    .string()
    .refine((text) => text.trim() === "" || (DOLLARS.test(text.trim()) && inside(Number(text), 1e-9, 1_000_000)), {
      message: "Write an amount like 5 or 0.25, up to 1,000,000, or leave it empty.",
    }),
  stepMinutes: z
    .string()
    .refine((text) => text.trim() === "" || (MINUTES.test(text.trim()) && inside(Number(text) * 60, 1, 86_400)), {
      message: "Write minutes, up to 1,440, or leave it empty.",
    }),
  windowTokens: z
    .string()
    .refine(
      (text) => text.trim() === "" || (/^\d+$/.test(text.trim()) && inside(Number(text), WINDOW.least, WINDOW.most)),
      {
        message: "Write a whole number, 1,000 to 10,000,000 tokens, or leave it empty.",
      },
    ),
});
export type AgentDraft = z.output<typeof AgentDraft>;

const inside = (value: number, least: number, most: number): boolean => value >= least && value <= most;

const POLICIES: Record<string, Policy> = { TOOL_POLICY_ASK: "ask", TOOL_POLICY_DENY: "deny" };

function grantDraft(tool: string, grant: ToolGrant | undefined): GrantDraft {
  const effect = GrantDraft.shape.effect.safeParse(grant?.effect);
  return {
    tool,
    policy: grant ? (POLICIES[grant.policy] ?? "allow") : "deny",
    hosts: (grant?.allowedHosts ?? []).join("\n"),
    effect: effect.success ? effect.data : "REQUEST_EFFECT_AT_MOST_ONCE",
    queryUrl: grant?.queryUrl ?? "",
    expiry: grant?.approvalExpiry ? String(Number.parseFloat(grant.approvalExpiry)) : "",
    teammates: grant?.teammates ?? [],
  };
}

/** A new member's form: files and questions allowed, nothing that reaches out. */
export function newDraft(model: string): AgentDraft {
  const granted = ["write_artifact", "read_artifact", "ask_human"];
  const tools = TOOLS.map(
    ({ tool }) => ({ ...grantDraft(tool, undefined), policy: granted.includes(tool) ? "allow" : "deny" }) as GrantDraft,
  );
  const limits = { maxSteps: "", maxTokens: "", maxMinutes: "", maxDollars: "", stepMinutes: "", windowTokens: "" };
  return { displayName: "", role: "", instructions: "", model, tools, ...limits };
}

/** The form of a member as it is. */
export function draftOf(agent: Agent): AgentDraft {
  const { spec } = agent;
  const known = TOOLS.map(({ tool }) => tool);
  const others = spec.tools.map(({ tool }) => tool).filter((tool) => !known.includes(tool));
  return {
    displayName: agent.displayName,
    role: agent.role,
    instructions: spec.instructions,
    model: spec.model,
    tools: [...known, ...others].map((tool) =>
      grantDraft(
        tool,
        spec.tools.find((grant) => grant.tool === tool),
      ),
    ),
    maxSteps: spec.limits?.maxSteps?.toString() ?? "",
    maxTokens: spec.limits?.maxTokens ?? "",
    maxMinutes: wholeMinutes(spec.limits?.maxDuration),
    maxDollars: dollarsOf(spec.limits?.maxCostNanoUsd),
    stepMinutes: minutesOf(spec.limits?.maxStepDuration),
    windowTokens: spec.context?.windowTokens?.toString() ?? "",
  };
}

const wholeMinutes = (duration: string | undefined): string =>
  duration ? String(Math.max(1, Math.round(Number.parseFloat(duration) / 60))) : "";

/** `1.5` of `90s`; to the second. */
const minutesOf = (duration: string | undefined): string =>
  duration ? String(Number((Number.parseFloat(duration) / 60).toFixed(2))) : "";

const NANO = 1_000_000_000n;

/** `0.25` of `250000000`. */
function dollarsOf(nano: string | undefined): string {
  if (!nano) return "";
  const [whole, rest] = [BigInt(nano) / NANO, BigInt(nano) % NANO];
  const decimals = rest.toString().padStart(9, "0").replace(/0+$/, "");
  if (decimals === "") return whole.toString();
  return `${whole}.${decimals.padEnd(2, "0")}`;
}

/** Nano US dollars of a text that the form has let through. */
export function nanoOf(dollars: string): string {
  const [whole = "0", decimals = ""] = dollars.trim().split(".");
  return (BigInt(whole) * NANO + BigInt(decimals.padEnd(9, "0"))).toString();
}

/** Hosts of a text, apart by lines, commas or spaces. */
export const hostsOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

function grantOf(draft: GrantDraft): ToolGrant[] {
  const allowedHosts = hostsOf(draft.hosts);
  // A tool that is denied and about which nothing else is said is simply not granted.
  if (draft.policy === "deny" && allowedHosts.length === 0 && draft.teammates.length === 0) return [];
  const effect = draft.tool === "http_request" ? draft.effect : "REQUEST_EFFECT_UNSPECIFIED";
  return [
    {
      tool: draft.tool,
      policy: `TOOL_POLICY_${draft.policy.toUpperCase()}`,
      allowedHosts,
      effect,
      queryUrl: effect === "REQUEST_EFFECT_QUERYABLE" ? draft.queryUrl.trim() : "",
      ...(draft.policy === "ask" && draft.expiry ? { approvalExpiry: `${draft.expiry}s` } : {}),
      teammates: draft.teammates,
    },
  ];
}

/** Order in which the contract gets the grants: that of the form, so that paths of violations lead back. */
export const grantsOf = (draft: AgentDraft): ToolGrant[] => draft.tools.flatMap(grantOf);

/** The spec of the form, with what the form does not show kept as it was. */
export function specOf(draft: AgentDraft, before?: AgentSpec): AgentSpec {
  const was = before?.limits;
  const seconds = (text: string) => `${Math.round(Number(text) * 60)}s`;
  // What the form rounds and nobody has touched stays as it was.
  const maxDuration =
    was?.maxDuration && draft.maxMinutes.trim() === wholeMinutes(was.maxDuration)
      ? was.maxDuration
      : seconds(draft.maxMinutes);
  const maxStepDuration =
    was?.maxStepDuration && draft.stepMinutes.trim() === minutesOf(was.maxStepDuration)
      ? was.maxStepDuration
      : seconds(draft.stepMinutes);
  const limits = {
    ...(was?.maxConcurrentRuns ? { maxConcurrentRuns: was.maxConcurrentRuns } : {}),
    ...(draft.maxSteps.trim() ? { maxSteps: Number(draft.maxSteps) } : {}),
    ...(draft.maxTokens.trim() ? { maxTokens: draft.maxTokens.trim() } : {}),
    ...(draft.maxMinutes.trim() ? { maxDuration } : {}),
    ...(draft.maxDollars.trim() ? { maxCostNanoUsd: nanoOf(draft.maxDollars) } : {}),
    ...(draft.stepMinutes.trim() ? { maxStepDuration } : {}),
  };
  const percent = before?.context?.compactAtPercent;
  const context = {
    ...(draft.windowTokens.trim() ? { windowTokens: Number(draft.windowTokens) } : {}),
    ...(percent === undefined ? {} : { compactAtPercent: percent }),
  };
  return {
    instructions: draft.instructions,
    model: draft.model,
    tools: grantsOf(draft),
    limits,
    ...(Object.keys(context).length > 0 ? { context } : {}),
    ...(before?.parameters ? { parameters: before.parameters } : {}),
  };
}

const SIMPLE: Record<string, keyof AgentDraft> = {
  "agent.display_name": "displayName",
  "agent.role": "role",
  "agent.spec.instructions": "instructions",
  "agent.spec.model": "model",
  "agent.spec.limits.max_steps": "maxSteps",
  "agent.spec.limits.max_tokens": "maxTokens",
  "agent.spec.limits.max_duration": "maxMinutes",
  "agent.spec.limits.max_cost_nano_usd": "maxDollars",
  "agent.spec.limits.max_step_duration": "stepMinutes",
  "agent.spec.context.window_tokens": "windowTokens",
};
const TOOL_FIELDS: Record<string, keyof GrantDraft> = {
  allowed_hosts: "hosts",
  query_url: "queryUrl",
  effect: "effect",
  approval_expiry: "expiry",
  teammates: "teammates",
};

/** The field of the form that a path of the contract is about. */
export function fieldOf(
  draft: AgentDraft,
  path: string,
):
  | keyof AgentDraft
  | `tools.${number}.${keyof GrantDraft}`
  | `tools.${number}.teammates.${number}.${keyof TeammateDraft}`
  | null {
  const simple = SIMPLE[path];
  if (simple) return simple;
  const found = /^agent\.spec\.tools\[(\d+)\](?:\.(\w+))?/.exec(path);
  const grant = found ? grantsOf(draft)[Number(found[1])] : undefined;
  const row = grant ? draft.tools.findIndex((each) => each.tool === grant.tool) : -1;
  const teammate = /\.teammates\[(\d+)\]\.(name|agent|purpose)$/.exec(path);
  if (row !== -1 && teammate) {
    return `tools.${row}.teammates.${Number(teammate[1])}.${teammate[2] as keyof TeammateDraft}`;
  }
  return row === -1 ? null : `tools.${row}.${TOOL_FIELDS[found?.[2] ?? ""] ?? "policy"}`;
}

/** A name for a new teammate, by what it is called on the team: `ana`, `ana-2`. */
export function teammateName(displayName: string, taken: readonly string[]): string {
  const plain = displayName
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "")
    .slice(0, 60);
  const base = plain || "teammate";
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (!taken.includes(name)) return name;
  }
}
