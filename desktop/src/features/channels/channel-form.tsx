// The form of a channel: where word goes, what of, about whom, how soon, and how much it says.
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Controller, type UseFormReturn, useForm } from "react-hook-form";
import type { Problem } from "~/api/problem";
import { agentsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { Avatar } from "~/features/team/avatar";
import { placeViolations } from "~/shared/forms";
import { Button } from "~/shared/ui/button";
import { Field, Input, Select } from "~/shared/ui/field";
import { ProblemNote } from "~/shared/ui/problem-note";
import { ChannelDraft, fieldOf, keepsAddressSecret } from "./draft";
import { delayWords, FORMATS, KINDS } from "./words";

interface ChannelFormProps {
  initial: ChannelDraft;
  /** What a channel is cannot be changed once it is made. */
  made: boolean;
  /** Sends it; rejects with a Problem, which lands at the fields. */
  onSubmit: (draft: ChannelDraft) => Promise<void>;
  /** Shown under the fields: buttons. */
  children: (state: { busy: boolean }) => ReactNode;
}

type Form = UseFormReturn<ChannelDraft>;

export function ChannelForm({ initial, made, onSubmit, children }: ChannelFormProps) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const form = useForm<ChannelDraft>({ resolver: zodResolver(ChannelDraft), defaultValues: initial });
  const { errors, isSubmitting } = form.formState;
  const submit = form.handleSubmit(async (draft) => {
    setProblem(null);
    if (!made && draft.url === "") {
      form.setError("url", { message: "Say where to." });
      form.setFocus("url");
      return;
    }
    try {
      await onSubmit(draft);
    } catch (thrown) {
      setProblem(placeViolations(form, thrown, fieldOf));
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
      {made ? null : <FormatChoice form={form} />}
      <Field label="Name" error={errors.displayName?.message}>
        {(control) => <Input {...control} {...form.register("displayName")} autoFocus placeholder="On call" />}
      </Field>
      <Address form={form} made={made} />
      <Kinds form={form} />
      <Agents form={form} />
      <Delay form={form} />
      <label className="flex cursor-pointer items-start gap-2.5 border-t pt-5">
        <input
          type="checkbox"
          {...form.register("includeContent")}
          className="mt-0.5 size-4 shrink-0 accent-accent-fill"
        />
        <span>
          <span className="block font-medium">Say what it is about</span>
          <span className="block text-pretty text-muted text-xs">
            Questions, names of tools, reasons of failures and results go along, at most 500 characters of each, and
            leave this workspace for good. Otherwise word names the task and the agent, and says where to look.
            Arguments of calls never go along.
          </span>
        </span>
      </label>
      {children({ busy: isSubmitting })}
    </form>
  );
}

function FormatChoice({ form }: { form: Form }) {
  return (
    <fieldset className="grid gap-2 sm:grid-cols-2">
      <legend className="mb-1.5 font-medium">How</legend>
      {FORMATS.map(({ value, label, says }) => (
        <label
          key={value}
          className="flex cursor-pointer gap-2.5 rounded-panel border p-3 hover:bg-hover has-checked:border-accent has-checked:bg-accent-soft"
        >
          <input
            type="radio"
            value={value}
            {...form.register("format")}
            className="mt-0.5 size-4 shrink-0 accent-accent-fill"
          />
          <span>
            <span className="block font-medium">{label}</span>
            <span className="block text-pretty text-muted text-xs">{says}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

/** Where it goes; an address that is a secret is given once and never shown again. */
function Address({ form, made }: { form: Form; made: boolean }) {
  const format = form.watch("format");
  const error = form.formState.errors.url?.message;
  const secret = keepsAddressSecret(format);
  if (made && secret) return null;
  return (
    <Field
      label={secret ? "Incoming webhook's address" : "Address"}
      error={error}
      hint={
        secret
          ? "Whoever has it can write to the channel: it goes into the vault, and nobody sees more of it than its host."
          : "https, or http in a private network if the operator has let it out. Redirects are not followed."
      }
    >
      {(control) => (
        <Input
          {...control}
          {...form.register("url")}
          type={secret ? "password" : "url"}
          autoComplete="off"
          spellCheck={false}
          placeholder={secret ? "https://hooks.slack.com/services/..." : "https://acme.example/hooks/mission-control"}
          className="font-mono text-xs"
        />
      )}
    </Field>
  );
}

/** Several of what there is, in and out by a tick. */
const ticked = (values: readonly string[], value: string, on: boolean): string[] =>
  on ? [...values, value] : values.filter((each) => each !== value);

function Kinds({ form }: { form: Form }) {
  const error = form.formState.errors.kinds?.message;
  return (
    <fieldset className="border-t pt-5">
      <legend className="float-left mb-2 w-full font-medium">What it is told of</legend>
      <Controller
        control={form.control}
        name="kinds"
        render={({ field }) => (
          <div className="clear-both grid gap-x-4 gap-y-2 sm:grid-cols-2">
            {KINDS.map(({ value, label, says }, index) => (
              <label key={value} className="flex cursor-pointer items-start gap-2.5">
                <input
                  type="checkbox"
                  ref={index === 0 ? field.ref : undefined}
                  checked={field.value.includes(value)}
                  onChange={(event) => field.onChange(ticked(field.value, value, event.target.checked))}
                  className="mt-0.5 size-4 shrink-0 accent-accent-fill"
                />
                <span>
                  <span className="block">{label}</span>
                  <span className="block text-muted text-xs">{says}</span>
                </span>
              </label>
            ))}
          </div>
        )}
      />
      {error ? (
        <p role="alert" className="mt-2 text-bad-text text-xs">
          {error}
        </p>
      ) : null}
    </fieldset>
  );
}

function Agents({ form }: { form: Form }) {
  const team = useQuery(agentsQuery(useTransport(), useWorkspace()));
  const agents = team.data ?? [];
  const chosen = form.watch("agents");
  const error = form.formState.errors.agents?.message;
  if (team.error && !team.data) {
    return (
      <ProblemNote problem={team.error}>
        <Button size="sm" onClick={() => void team.refetch()}>
          Read the team again
        </Button>
      </ProblemNote>
    );
  }
  if (agents.length === 0 && chosen.length === 0) return null;
  const gone = chosen.filter((name) => !agents.some((agent) => agent.name === name));
  return (
    <fieldset className="border-t pt-5">
      <legend className="float-left mb-2 flex w-full items-baseline justify-between font-medium">
        Whose runs
        <span className="font-normal text-faint text-xs">
          {chosen.length === 0 ? "everybody's, whoever joins" : `${chosen.length} of the team`}
        </span>
      </legend>
      <Controller
        control={form.control}
        name="agents"
        render={({ field }) => (
          <div className="clear-both flex flex-wrap gap-2">
            {[...agents, ...gone.map((name) => ({ name, displayName: "No longer here", avatar: "" }))].map(
              (agent, index) => (
                <label
                  key={agent.name}
                  className="flex h-8 cursor-pointer items-center gap-2 rounded-control border px-2 hover:bg-hover has-checked:border-accent has-checked:bg-accent-soft"
                >
                  <input
                    type="checkbox"
                    ref={index === 0 ? field.ref : undefined}
                    checked={field.value.includes(agent.name)}
                    onChange={(event) => field.onChange(ticked(field.value, agent.name, event.target.checked))}
                    className="size-4 accent-accent-fill"
                  />
                  <Avatar agent={agent} />
                  {agent.displayName}
                </label>
              ),
            )}
          </div>
        )}
      />
      {error ? (
        <p role="alert" className="mt-2 text-bad-text text-xs">
          {error}
        </p>
      ) : null}
    </fieldset>
  );
}

/** Minutes to pick from. */
const DELAYS = [0, 5, 15, 30, 60, 120, 240, 480, 1440];

function Delay({ form }: { form: Form }) {
  const chosen = form.watch("delayMinutes");
  const delays = DELAYS.includes(chosen) ? DELAYS : [...DELAYS, chosen].sort((a, b) => a - b);
  return (
    <Field
      label="When nobody has decided"
      error={form.formState.errors.delayMinutes?.message}
      hint="With a delay this is a second address: it hears only of approvals, questions and outcomes that nobody has seen to by then. What has ended is told at once."
      className="border-t pt-5"
    >
      {(control) => (
        <Select {...control} {...form.register("delayMinutes", { valueAsNumber: true })} className="max-w-56">
          {delays.map((minutes) => (
            <option key={minutes} value={minutes}>
              {minutes === 0 ? "Told at once" : `Told ${delayWords(`${minutes * 60}s`)}`}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
