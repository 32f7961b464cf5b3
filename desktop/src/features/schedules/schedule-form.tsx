// The form of a schedule: when, what by whom, and what happens when times collide or are missed.
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";
import { type UseFormReturn, useForm } from "react-hook-form";
import type { Problem } from "~/api/problem";
import { agentsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { ChecksField } from "~/features/tasks/checks-field";
import { placeViolations } from "~/shared/forms";
import { Field, Input, Select, Textarea } from "~/shared/ui/field";
import { ProblemNote } from "~/shared/ui/problem-note";
import { ZoneField } from "~/shared/ui/zone-field";
import { cronWords, PRESETS } from "./cron";
import { fieldOf, ScheduleDraft } from "./draft";
import { PreviewList, usePreview } from "./preview";
import { MISSES, OVERLAPS } from "./words";

interface ScheduleFormProps {
  initial: ScheduleDraft;
  /** Sends it; rejects with a Problem, which lands at the fields. */
  onSubmit: (draft: ScheduleDraft) => Promise<void>;
  /** Shown under the fields: buttons. */
  children: (state: { busy: boolean }) => ReactNode;
}

export function ScheduleForm({ initial, onSubmit, children }: ScheduleFormProps) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const form = useForm<ScheduleDraft>({ resolver: zodResolver(ScheduleDraft), defaultValues: initial });
  const { errors, isSubmitting } = form.formState;
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
      noValidate
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) void submit(event);
      }}
      className="space-y-6"
    >
      {problem ? <ProblemNote problem={problem} /> : null}
      <Field label="Name" error={errors.displayName?.message}>
        {(control) => <Input {...control} {...form.register("displayName")} autoFocus placeholder="Nightly triage" />}
      </Field>
      <When form={form} />
      <What form={form} />
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="When the run before has not ended" error={errors.overlap?.message}>
          {(control) => (
            <Select {...control} {...form.register("overlap")}>
              {OVERLAPS.map(({ value, label }) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="When times were missed" error={errors.missed?.message}>
          {(control) => (
            <Select {...control} {...form.register("missed")}>
              {MISSES.map(({ value, label }) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <p className="-mt-2 text-muted text-xs sm:col-span-2">
          A time is missed when it was due more than a minute before anything here was running to see it.
        </p>
      </div>
      {children({ busy: isSubmitting })}
    </form>
  );
}

/** The expression and its zone, with what they come to as they are written. */
function When({ form }: { form: UseFormReturn<ScheduleDraft> }) {
  const { errors } = form.formState;
  const cron = form.watch("cron");
  const timeZone = form.watch("timeZone");
  const preview = usePreview(cron, timeZone);
  const said = preview.stale ? [] : (preview.problem?.violations ?? []);
  const wrong = (field: string) => said.find((each) => each.field === field)?.description;
  const words = cronWords(cron);
  // What the gateway once said about a field is over when the field has changed.
  const { clearErrors } = form;
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever one of them changes
  useEffect(() => clearErrors(["cron", "timeZone"]), [cron, timeZone, clearErrors]);
  const set = (field: "cron" | "timeZone") => (value: string) =>
    form.setValue(field, value, { shouldDirty: true, shouldValidate: form.formState.isSubmitted });
  return (
    <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.1fr)]">
      <div className="space-y-4">
        <Field
          label="When"
          aside="minute hour day month weekday"
          hint={words ? `${words.charAt(0).toUpperCase()}${words.slice(1)}.` : "As the preview shows it."}
          error={errors.cron?.message ?? sentence(wrong("cron"))}
        >
          {(control) => (
            <Input
              {...control}
              {...form.register("cron")}
              spellCheck={false}
              placeholder="0 9 * * 1-5"
              className="font-mono"
            />
          )}
        </Field>
        <fieldset aria-label="Common times" className="flex flex-wrap gap-1.5">
          {PRESETS.map((preset) => (
            <button
              key={preset.cron}
              type="button"
              aria-pressed={cron.trim() === preset.cron}
              onClick={() => set("cron")(preset.cron)}
              className="h-[26px] rounded-control border px-2 text-muted text-xs hover:bg-hover hover:text-text aria-pressed:border-accent aria-pressed:bg-accent-soft aria-pressed:text-accent-text"
            >
              {preset.label}
            </button>
          ))}
        </fieldset>
        <ZoneField
          value={timeZone}
          onChange={set("timeZone")}
          error={errors.timeZone?.message ?? sentence(wrong("time_zone"))}
        />
      </div>
      <PreviewList preview={preview} timeZone={timeZone} />
    </div>
  );
}

const sentence = (clause: string | undefined): string | undefined =>
  clause && `${clause.charAt(0).toUpperCase()}${clause.slice(1)}${/[.!?]$/.test(clause) ? "" : "."}`;

/** What each fire puts on the board. */
function What({ form }: { form: UseFormReturn<ScheduleDraft> }) {
  const { errors } = form.formState;
  const agents = useQuery(agentsQuery(useTransport(), useWorkspace()));
  const chosen = form.watch("assignee");
  const only = agents.data?.length === 1 ? agents.data[0]?.name : undefined;
  useEffect(() => {
    if (only && !form.getValues("assignee")) form.setValue("assignee", only);
  }, [only, form]);
  return (
    <fieldset className="space-y-5 border-t pt-5">
      <legend className="sr-only">The task it starts</legend>
      <Field label="What is to be done?" error={errors.title?.message}>
        {(control) => (
          <Input {...control} {...form.register("title")} placeholder="Sort the issues of the last night" />
        )}
      </Field>
      <Field
        label="Brief"
        aside="optional"
        hint="Everything it needs to know; it reads this and nothing else."
        error={errors.brief?.message}
      >
        {(control) => <Textarea {...control} {...form.register("brief")} rows={5} />}
      </Field>
      <Field
        label="Assignee"
        hint={
          agents.data?.length === 0 ? (
            <>
              Nobody is on the team yet.{" "}
              <Link to="/team/new" className="text-accent-text hover:underline">
                Add somebody first
              </Link>
              .
            </>
          ) : (
            "In the latest version at the time."
          )
        }
        error={errors.assignee?.message}
      >
        {(control) => (
          <Select {...control} {...form.register("assignee")} value={chosen}>
            <option value="">{agents.isPending ? "Reading the team..." : "Nobody yet"}</option>
            {(agents.data ?? []).map((agent) => (
              <option key={agent.name} value={agent.name} disabled={agent.latestVersion === 0}>
                {agent.displayName}
                {agent.role ? ` · ${agent.role}` : ""}
                {agent.latestVersion === 0 ? " (not published)" : ""}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <ChecksField
        checks={form.watch("checks")}
        onChange={(checks) => form.setValue("checks", checks, { shouldDirty: true })}
        errorOf={(index) => errors.checks?.[index]?.text?.message}
      />
    </fieldset>
  );
}
