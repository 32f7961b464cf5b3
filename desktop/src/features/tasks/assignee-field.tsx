// Who does it: somebody of the team, or somebody new, without losing what is written.
import { Link } from "@tanstack/react-router";
import { UserPlus } from "lucide-react";
import type { UseFormReturn } from "react-hook-form";
import type { Agent } from "~/api/gen/schemas";
import { SimulatorMember } from "~/features/team/simulator-member";
import { Button } from "~/shared/ui/button";
import { Field, Select } from "~/shared/ui/field";
import type { TaskDraft } from "./draft";

interface AssigneeFieldProps {
  form: UseFormReturn<TaskDraft>;
  agents: { data: Agent[] | undefined; isPending: boolean };
}

export function AssigneeField({ form, agents }: AssigneeFieldProps) {
  const error = form.formState.errors.assignee?.message;
  const chosen = form.watch("assignee");
  const team = agents.data ?? [];
  if (!agents.isPending && team.length === 0) {
    return (
      <section aria-label="Assignee" className="space-y-3 rounded-panel border bg-raised p-4">
        <p className="font-medium">Who should do it? Nobody is on the team yet.</p>
        <p className="text-pretty text-muted">
          Add a team member with a model of your own. Or add the simulator: no model, just to look around; it plays a
          short script through the real engine and asks you once. Its prices are made up.
        </p>
        <div className="flex flex-wrap gap-2">
          <SimulatorMember onAdded={(agent) => form.setValue("assignee", agent.name, { shouldValidate: true })} />
          <NewMember />
        </div>
        {error ? (
          <p role="alert" className="text-bad-text text-xs">
            {error}
          </p>
        ) : null}
      </section>
    );
  }
  return (
    <Field label="Assignee" error={error}>
      {(control) => (
        <div className="flex gap-2">
          <Select {...control} {...form.register("assignee")} value={chosen}>
            <option value="">{agents.isPending ? "Reading the team..." : "Nobody yet"}</option>
            {team.map((agent) => (
              <option key={agent.name} value={agent.name} disabled={agent.latestVersion === 0}>
                {agent.displayName}
                {agent.role ? ` · ${agent.role}` : ""}
                {agent.latestVersion === 0 ? " (not published)" : ""}
              </option>
            ))}
          </Select>
          <NewMember />
        </div>
      )}
    </Field>
  );
}

/** What is written is kept, and the new member is chosen on the way back. */
function NewMember() {
  return (
    <Button asChild>
      <Link to="/team/new" search={{ for: "task" }}>
        <UserPlus aria-hidden />
        New team member
      </Link>
    </Button>
  );
}
