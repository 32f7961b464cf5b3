// What a team member may touch: a policy per tool, and what goes with it.
import type { UseFormReturn } from "react-hook-form";
import { duration } from "~/shared/format/time";
import { cn } from "~/shared/ui/cn";
import { Field, Input, Select, Textarea } from "~/shared/ui/field";
import { type AgentDraft, EXPIRIES, POLICY_WORDS, type Policy, TOOLS, type ToolInfo } from "./draft";
import { Teammates } from "./teammates";

const EFFECTS = [
  ["REQUEST_EFFECT_AT_MOST_ONCE", "Nothing: after a crash ask me what became of it"],
  ["REQUEST_EFFECT_IDEMPOTENT", "They honour Idempotency-Key: send it again"],
  ["REQUEST_EFFECT_QUERYABLE", "They can be asked: look first, then decide"],
] as const;

const unknownTool = (tool: string): ToolInfo => ({
  tool,
  label: tool,
  does: "A tool that this version does not know.",
  hosts: false,
  effect: false,
  policies: ["allow", "ask", "deny"],
});

export function ToolGrants({ form }: { form: UseFormReturn<AgentDraft> }) {
  const grants = form.watch("tools");
  return (
    <fieldset>
      <legend className="mb-1.5 font-medium">Tools</legend>
      <ul className="divide-y rounded-panel border">
        {grants.map((grant, row) => (
          <GrantRow
            key={grant.tool}
            form={form}
            row={row}
            info={TOOLS.find((each) => each.tool === grant.tool) ?? unknownTool(grant.tool)}
          />
        ))}
      </ul>
      <p className="mt-1.5 text-muted text-xs">"Ask me" stops the run before each call and puts it into your inbox.</p>
    </fieldset>
  );
}

function GrantRow({ form, row, info }: { form: UseFormReturn<AgentDraft>; row: number; info: ToolInfo }) {
  const grant = form.watch(`tools.${row}`);
  const errors = form.formState.errors.tools?.[row];
  const used = grant.policy !== "deny";
  return (
    <li className="space-y-3 px-3 py-2.5">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1">
          <p>{info.label}</p>
          <p className="text-muted text-xs">{info.does}</p>
        </div>
        <PolicyChoice
          label={info.label}
          name={`tools.${row}.policy`}
          policies={info.policies}
          value={grant.policy}
          onChange={(policy) => form.setValue(`tools.${row}.policy`, policy, { shouldDirty: true })}
        />
      </div>
      {errors?.policy ? (
        <p role="alert" className="text-bad-text text-xs">
          {errors.policy.message}
        </p>
      ) : null}
      {grant.policy === "ask" ? (
        <Field
          label="Mark it overdue after"
          hint="It is told of again then. Nothing is approved or rejected by time."
          error={errors?.expiry?.message}
        >
          {(control) => (
            <Select {...control} {...form.register(`tools.${row}.expiry`)} className="max-w-48">
              {expiriesWith(grant.expiry).map(([seconds, label]) => (
                <option key={seconds} value={seconds}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
      ) : null}
      {info.hosts && used ? (
        <Field
          label="Hosts it may reach"
          hint="One per line: api.example.com, or *.example.com for all beneath."
          error={errors?.hosts?.message}
        >
          {(control) => (
            <Textarea
              {...control}
              {...form.register(`tools.${row}.hosts`)}
              rows={2}
              className="min-h-0 font-mono text-xs"
            />
          )}
        </Field>
      ) : null}
      {info.teammates && used ? <Teammates form={form} row={row} /> : null}
      {info.effect && used ? (
        <Field label="What those servers promise" error={errors?.effect?.message}>
          {(control) => (
            <Select {...control} {...form.register(`tools.${row}.effect`)}>
              {EFFECTS.map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
      ) : null}
      {info.effect && used && grant.effect === "REQUEST_EFFECT_QUERYABLE" ? (
        <Field
          label="Where to ask"
          hint="{key} stands for the request's key; 404 says that it had no effect."
          error={errors?.queryUrl?.message}
        >
          {(control) => (
            <Input
              {...control}
              {...form.register(`tools.${row}.queryUrl`)}
              placeholder="https://api.example.com/requests/{key}"
              className="font-mono text-xs"
            />
          )}
        </Field>
      ) : null}
    </li>
  );
}

/** The choices, and what is set already if it is none of them. */
function expiriesWith(set: string): readonly (readonly [seconds: string, label: string])[] {
  if (EXPIRIES.some(([seconds]) => seconds === set)) return EXPIRIES;
  return [...EXPIRIES, [set, duration(Number(set) * 1000)]];
}

interface PolicyChoiceProps {
  label: string;
  name: string;
  policies: readonly Policy[];
  value: Policy;
  onChange: (policy: Policy) => void;
}

function PolicyChoice({ label, name, policies, value, onChange }: PolicyChoiceProps) {
  return (
    <div role="radiogroup" aria-label={`${label}: policy`} className="flex rounded-control border border-edge/60 p-0.5">
      {policies.map((policy) => (
        <label
          key={policy}
          className={cn(
            "flex h-6 cursor-pointer select-none items-center rounded-[4px] px-2 text-muted text-xs has-focus-visible:outline-2 has-focus-visible:outline-accent",
            value === policy &&
              (policy === "ask" ? "bg-need-soft font-medium text-need-text" : "bg-press font-medium text-text"),
          )}
        >
          <input
            type="radio"
            name={name}
            className="sr-only"
            checked={value === policy}
            onChange={() => onChange(policy)}
          />
          {POLICY_WORDS[policy]}
        </label>
      ))}
    </div>
  );
}
