// The form of a team member: who it is, what it is told, which model thinks, what it may touch, when it stops.
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { type FieldErrors, type UseFormReturn, useForm } from "react-hook-form";
import type { ListModelsResponse } from "~/api/gen/schemas";
import type { Problem } from "~/api/problem";
import { modelsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { placeViolations } from "~/shared/forms";
import { Field, Input, Select, Textarea } from "~/shared/ui/field";
import { ProblemNote } from "~/shared/ui/problem-note";
import { AgentDraft, fieldOf } from "./draft";
import { ToolGrants } from "./tool-grants";

interface AgentFormProps {
  id: string;
  initial: AgentDraft;
  /** Sends it; rejects with a Problem, which lands at the fields. */
  onSubmit: (draft: AgentDraft) => Promise<void>;
  /** Told when there is something that is not sent. */
  onDirty?: (dirty: boolean) => void;
  /** Shown under the fields: buttons. */
  children: (state: { busy: boolean }) => ReactNode;
}

export function AgentForm({ id, initial, onSubmit, onDirty, children }: AgentFormProps) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const form = useForm<AgentDraft>({ resolver: zodResolver(AgentDraft), defaultValues: initial });
  const { errors, isSubmitting, isDirty } = form.formState;
  useEffect(() => onDirty?.(isDirty), [isDirty, onDirty]);

  const submit = form.handleSubmit(async (draft) => {
    setProblem(null);
    try {
      await onSubmit(draft);
    } catch (thrown) {
      setProblem(placeViolations(form, thrown, (path) => fieldOf(draft, path)));
    }
  });

  return (
    <form
      id={id}
      noValidate
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) void submit(event);
      }}
      className="space-y-6"
    >
      {problem ? <ProblemNote problem={problem} /> : null}
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Name" error={errors.displayName?.message}>
          {(control) => <Input {...control} {...form.register("displayName")} placeholder="Ana" />}
        </Field>
        <Field label="Role" aside="optional" error={errors.role?.message}>
          {(control) => <Input {...control} {...form.register("role")} placeholder="Release engineer" />}
        </Field>
      </div>
      <Field
        label="Instructions"
        hint="What it is told before every task: how to work, what matters, what to leave alone."
        error={errors.instructions?.message}
      >
        {(control) => <Textarea {...control} {...form.register("instructions")} rows={7} />}
      </Field>
      <ModelField form={form} errors={errors} />
      <ToolGrants form={form} />
      <fieldset className="space-y-2">
        <legend className="mb-1.5 font-medium">Stop a run after</legend>
        <div className="grid gap-4 sm:grid-cols-4">
          <Field label="Dollars" error={errors.maxDollars?.message}>
            {(control) => (
              <Input {...control} {...form.register("maxDollars")} inputMode="decimal" placeholder="no limit" />
            )}
          </Field>
          <Field label="Model calls" error={errors.maxSteps?.message}>
            {(control) => <Input {...control} {...form.register("maxSteps")} inputMode="numeric" placeholder="100" />}
          </Field>
          <Field label="Tokens" error={errors.maxTokens?.message}>
            {(control) => (
              <Input {...control} {...form.register("maxTokens")} inputMode="numeric" placeholder="no limit" />
            )}
          </Field>
          <Field label="Minutes of work" error={errors.maxMinutes?.message}>
            {(control) => (
              <Input {...control} {...form.register("maxMinutes")} inputMode="numeric" placeholder="1440 (a day)" />
            )}
          </Field>
        </div>
        <div className="grid items-start gap-4 pt-2 sm:grid-cols-4">
          <Field label="Minutes a step" error={errors.stepMinutes?.message}>
            {(control) => <Input {...control} {...form.register("stepMinutes")} inputMode="decimal" placeholder="15" />}
          </Field>
          <p className="text-pretty text-muted text-xs sm:col-span-3 sm:pt-7">
            The model call that crosses a limit is still paid. With a limit in dollars a run also ends at a call whose
            price nobody knows. A step is one model call or one tool call; waiting for people, timers and quota is no
            work.
          </p>
        </div>
      </fieldset>
      <Field
        label="Tokens the model reads"
        hint="Its context window. Close to it, a run sums up what has been and goes on."
        error={errors.windowTokens?.message}
      >
        {(control) => (
          <Input {...control} {...form.register("windowTokens")} inputMode="numeric" placeholder="128000 is assumed" />
        )}
      </Field>
      {children({ busy: isSubmitting })}
    </form>
  );
}

function ModelField({ form, errors }: { form: UseFormReturn<AgentDraft>; errors: FieldErrors<AgentDraft> }) {
  const models = useQuery(modelsQuery(useTransport(), useWorkspace()));
  const chosen = form.watch("model");
  const groups = grouped(models.data, chosen);
  const simulated = models.data?.models.find((model) => model.id === chosen)?.simulated ?? false;
  return (
    <Field
      label="Model"
      error={
        errors.model?.message ?? (models.error ? "The models could not be read; the one that is set stays." : undefined)
      }
      hint={
        simulated
          ? "A simulator: no model, just to look around. It plays a script whatever it is told, and its prices are made up."
          : undefined
      }
    >
      {(control) => (
        <>
          <Select {...control} {...form.register("model")} value={chosen}>
            <option value="">{models.isPending ? "Reading the models..." : "Pick a model"}</option>
            {groups.map(([provider, ids]) => (
              <optgroup key={provider} label={provider}>
                {ids.map((id) => (
                  <option key={id} value={id}>
                    {id}
                  </option>
                ))}
              </optgroup>
            ))}
          </Select>
          {models.data?.unreachable.map((each) => (
            <p key={each.provider} className="text-need-text text-xs">
              {each.provider.split("/").at(-1)} does not answer: {each.message}
            </p>
          ))}
        </>
      )}
    </Field>
  );
}

/** Models by provider; the chosen one is offered even when it is not listed. */
function grouped(reply: ListModelsResponse | undefined, chosen: string): [provider: string, ids: string[]][] {
  const groups = new Map<string, string[]>();
  const ids = (reply?.models ?? []).map((model) => model.id);
  for (const id of chosen && !ids.includes(chosen) ? [...ids, chosen] : ids) {
    const provider = id.slice(0, id.indexOf("/"));
    groups.set(provider, [...(groups.get(provider) ?? []), id]);
  }
  return [...groups];
}
