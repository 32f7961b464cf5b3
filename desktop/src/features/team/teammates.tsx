// Whom a member may hand work to: each with the name that it calls them by, and when to give them work.
import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { type UseFormReturn, useFieldArray } from "react-hook-form";
import { agentsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { Button } from "~/shared/ui/button";
import { Field, Input, Select } from "~/shared/ui/field";
import { type AgentDraft, MAX_TEAMMATES, teammateName } from "./draft";

export function Teammates({ form, row }: { form: UseFormReturn<AgentDraft>; row: number }) {
  const { fields, append, remove } = useFieldArray({ control: form.control, name: `tools.${row}.teammates` });
  const agents = useQuery(agentsQuery(useTransport(), useWorkspace()));
  const errors = form.formState.errors.tools?.[row]?.teammates;
  const known = agents.data ?? [];
  const whom = (name: string) =>
    known.find((agent) => agent.name === name)?.displayName ?? "a member who left the team";
  const add = (name: string) => {
    const taken = form.getValues(`tools.${row}.teammates`).map((each) => each.name);
    append({ name: teammateName(whom(name), taken), agent: name, purpose: "" }, { shouldFocus: false });
  };
  return (
    <div className="space-y-2">
      {fields.map((teammate, place) => (
        <div key={teammate.id} className="grid items-start gap-2 sm:grid-cols-[10rem_1fr_auto]">
          <Field label={`Calls ${whom(teammate.agent)}`} error={errors?.[place]?.name?.message}>
            {(control) => (
              <Input
                {...control}
                {...form.register(`tools.${row}.teammates.${place}.name`)}
                className="font-mono text-xs"
              />
            )}
          </Field>
          <Field
            label={`When to give ${whom(teammate.agent)} work`}
            aside="optional"
            error={errors?.[place]?.purpose?.message ?? errors?.[place]?.agent?.message}
          >
            {(control) => (
              <Input
                {...control}
                {...form.register(`tools.${row}.teammates.${place}.purpose`)}
                placeholder="Finds sources and sums them up"
              />
            )}
          </Field>
          <Button
            look="quiet"
            size="icon"
            className="sm:mt-7"
            aria-label={`Take ${whom(teammate.agent)} off`}
            onClick={() => remove(place)}
          >
            <X aria-hidden />
          </Button>
        </div>
      ))}
      {fields.length < MAX_TEAMMATES ? (
        <Field
          label="May hand work to"
          hint="Its newest published version does the work, within what this member has left of its own limits."
          error={errors?.message ?? errors?.root?.message ?? (agents.error ? "The team could not be read." : undefined)}
        >
          {(control) => (
            <Select {...control} value="" onChange={(event) => event.target.value && add(event.target.value)}>
              <option value="">{agents.isPending ? "Reading the team..." : "Add a team member"}</option>
              {known.map((agent) => (
                <option key={agent.name} value={agent.name}>
                  {agent.displayName}
                </option>
              ))}
            </Select>
          )}
        </Field>
      ) : null}
    </div>
  );
}
