// A new task: what, by whom, how one knows that it is done; started at once unless told otherwise.
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Plus, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { type Path, type UseFormReturn, useFieldArray, useForm } from "react-hook-form";
import { toast } from "sonner";
import { asProblem, type Problem } from "~/api/problem";
import { agentsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { placeViolations } from "~/shared/forms";
import { Button } from "~/shared/ui/button";
import { Field, Input, Textarea } from "~/shared/ui/field";
import { ProblemNote } from "~/shared/ui/problem-note";
import { Screen } from "~/shared/ui/screen";
import { AssigneeField } from "./assignee-field";
import { EMPTY_TASK, TaskDraft, useTaskDrafts } from "./draft";
import { useCreateTask, useStartTask } from "./use-tasks";

const FIELDS: Record<string, Path<TaskDraft>> = {
  "task.title": "title",
  "task.brief": "brief",
  "task.assignee": "assignee",
};

function fieldOf(path: string): Path<TaskDraft> | null {
  const check = /^task\.acceptance_checks\[(\d+)\]/.exec(path);
  return check ? `checks.${Number(check[1])}.text` : (FIELDS[path] ?? null);
}

export function NewTask() {
  const navigate = useNavigate();
  const workspace = useWorkspace();
  const { assignee } = useSearch({ from: "/signed-in/tasks/new" });
  const agents = useQuery(agentsQuery(useTransport(), workspace));
  const [problem, setProblem] = useState<Problem | null>(null);
  const kept = useRef(useTaskDrafts.getState().drafts[workspace]?.draft);
  const keep = useTaskDrafts((state) => state.keep);
  const drop = useTaskDrafts((state) => state.drop);
  const create = useCreateTask();
  const start = useStartTask();

  const form = useForm<TaskDraft>({
    resolver: zodResolver(TaskDraft),
    defaultValues: {
      ...EMPTY_TASK,
      ...kept.current,
      ...(assignee ? { assignee: `${workspace}/agents/${assignee}` } : {}),
    },
  });
  const { errors, isSubmitting } = form.formState;
  const startNow = form.watch("startNow");

  useEffect(() => {
    const watching = form.watch((draft) => keep(workspace, { ...EMPTY_TASK, ...(draft as TaskDraft) }));
    return () => watching.unsubscribe();
  }, [form, keep, workspace]);

  // With one candidate there is nothing to choose.
  const only = agents.data?.length === 1 ? agents.data[0]?.name : undefined;
  useEffect(() => {
    if (only && !form.getValues("assignee")) form.setValue("assignee", only);
  }, [only, form]);

  const submit = form.handleSubmit(async (draft) => {
    setProblem(null);
    if (draft.startNow && draft.assignee === "") {
      form.setError("assignee", { message: "Somebody has to do it. Pick a team member, or do not start it now." });
      form.setFocus("assignee");
      return;
    }
    const requestId = useTaskDrafts.getState().drafts[workspace]?.requestId ?? crypto.randomUUID();
    const acceptanceChecks = draft.checks.map((check) => check.text.trim()).filter(Boolean);
    const content = { title: draft.title, brief: draft.brief, assignee: draft.assignee, acceptanceChecks };
    let task: Awaited<ReturnType<typeof create.mutateAsync>>;
    try {
      task = await create.mutateAsync({ content, requestId });
    } catch (thrown) {
      setProblem(placeViolations(form, thrown, fieldOf));
      return;
    }
    drop(workspace);
    if (!draft.startNow) return navigate({ to: "/tasks", search: { task: idOf(task.name) } });
    try {
      const run = await start.mutateAsync({ task: task.name, requestId: `${requestId}-start` });
      await navigate({ to: "/runs/$run", params: { run: idOf(run.name) } });
    } catch (thrown) {
      toast.error(`The task is on the board, but it did not start: ${asProblem(thrown).detail}`);
      await navigate({ to: "/tasks", search: { task: idOf(task.name) } });
    }
  });

  return (
    <Screen title="New task">
      <div className="h-full overflow-auto">
        <form
          noValidate
          onSubmit={submit}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) void submit(event);
          }}
          className="mx-auto max-w-2xl space-y-5 p-6"
        >
          {problem ? <ProblemNote problem={problem} /> : null}
          <Field label="What is to be done?" error={errors.title?.message}>
            {(control) => (
              <Input
                {...control}
                {...form.register("title")}
                autoFocus
                className="h-10 text-lg"
                placeholder="Fix the flaky login test"
              />
            )}
          </Field>
          <Field
            label="Brief"
            aside="optional"
            hint="Everything it needs to know; it reads this and nothing else."
            error={errors.brief?.message}
          >
            {(control) => <Textarea {...control} {...form.register("brief")} rows={7} />}
          </Field>
          <AssigneeField form={form} agents={agents} />
          <Checks form={form} />
          <div className="flex flex-wrap items-center gap-4 border-t pt-4">
            <Button type="submit" look="primary" hotkey="mod+enter" busy={isSubmitting}>
              {isSubmitting ? "Sending..." : startNow ? "Start" : "Put it on the board"}
            </Button>
            <label className="flex cursor-pointer items-center gap-2">
              <input type="checkbox" {...form.register("startNow")} className="size-4 accent-accent-fill" />
              Start now
            </label>
            <span className="ml-auto text-faint text-xs">Kept on this machine until you send it</span>
          </div>
        </form>
      </div>
    </Screen>
  );
}

/** What must be true of the result; Enter goes on to the next. */
function Checks({ form }: { form: UseFormReturn<TaskDraft> }) {
  const { fields, append, remove } = useFieldArray({ control: form.control, name: "checks" });
  const errors = form.formState.errors.checks;
  return (
    <fieldset className="space-y-2">
      <legend className="mb-1.5 flex w-full items-baseline justify-between font-medium">
        It is done when <span className="font-normal text-faint text-xs">optional</span>
      </legend>
      {fields.map((field, index) => (
        <div key={field.id}>
          <div className="flex gap-2">
            <Input
              {...form.register(`checks.${index}.text`)}
              aria-label={`Check ${index + 1}`}
              aria-invalid={errors?.[index]?.text ? true : undefined}
              placeholder="The test passes a hundred times in a row"
              onKeyDown={(event) => {
                if (event.key !== "Enter" || event.metaKey || event.ctrlKey) return;
                event.preventDefault();
                append({ text: "" });
              }}
            />
            <Button
              look="quiet"
              size="icon"
              className="size-8"
              aria-label={`Remove check ${index + 1}`}
              onClick={() => remove(index)}
            >
              <X aria-hidden />
            </Button>
          </div>
          {errors?.[index]?.text ? (
            <p role="alert" className="mt-1 text-bad-text text-xs">
              {errors[index]?.text?.message}
            </p>
          ) : null}
        </div>
      ))}
      {fields.length < 20 ? (
        <Button size="sm" look="quiet" className="-ml-2" onClick={() => append({ text: "" })}>
          <Plus aria-hidden />
          Add a check
        </Button>
      ) : null}
    </fieldset>
  );
}
