// A new task: what, by whom, how one knows that it is done; started at once unless told otherwise.
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { type Path, type UseFormReturn, useForm } from "react-hook-form";
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
import { ChecksField } from "./checks-field";
import { EMPTY_TASK, TaskDraft, useTaskDrafts } from "./draft";
import { PlaceFields } from "./place-fields";
import { type StartAt, StartAtFields, startTimeOf } from "./start-at";
import { type TaskContent, useCreateTask, useStartTask } from "./use-tasks";
import { labelsOf } from "./words";

const FIELDS: Record<string, Path<TaskDraft>> = {
  "task.title": "title",
  "task.brief": "brief",
  "task.assignee": "assignee",
  "task.priority": "priority",
  "task.due_time": "due",
  "task.parent_task": "parent",
  "task.source.git_url": "gitUrl",
  "task.source.git_ref": "gitRef",
};

function fieldOf(path: string): Path<TaskDraft> | null {
  const check = /^task\.acceptance_checks\[(\d+)\]/.exec(path);
  if (path.startsWith("task.labels")) return "labels";
  return check ? `checks.${Number(check[1])}.text` : (FIELDS[path] ?? null);
}

const STARTS = [
  ["now", "Now"],
  ["later", "Later"],
  ["board", "Not yet"],
] as const;
const VERBS = { now: "Start", later: "Start it then", board: "Put it on the board" } as const;

export function NewTask() {
  const navigate = useNavigate();
  const workspace = useWorkspace();
  const { assignee, parent } = useSearch({ from: "/signed-in/tasks/new" });
  const agents = useQuery(agentsQuery(useTransport(), workspace));
  const [problem, setProblem] = useState<Problem | null>(null);
  const kept = useRef(useTaskDrafts.getState().drafts[workspace]?.draft);
  const keep = useTaskDrafts((state) => state.keep);
  const drop = useTaskDrafts((state) => state.drop);
  const create = useCreateTask();
  const starting = useStartTask();

  const form = useForm<TaskDraft>({
    resolver: zodResolver(TaskDraft),
    defaultValues: {
      ...EMPTY_TASK,
      ...kept.current,
      ...(assignee ? { assignee: `${workspace}/agents/${assignee}` } : {}),
      ...(parent ? { parent: `${workspace}/tasks/${parent}` } : {}),
    },
  });
  const { errors, isSubmitting } = form.formState;
  const [start, startAt, zone] = form.watch(["start", "startAt", "zone"]);
  const setStartAt = useCallback(
    (value: StartAt) => {
      form.setValue("startAt", value.at);
      form.setValue("zone", value.zone);
    },
    [form],
  );

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
    if (draft.start !== "board" && draft.assignee === "") {
      form.setError("assignee", { message: "Somebody has to do it. Pick a team member, or do not start it." });
      form.setFocus("assignee");
      return;
    }
    const later = draft.start === "later" ? startTimeOf({ at: draft.startAt, zone: draft.zone }, Date.now()) : null;
    if (later && "wrong" in later) return;
    const requestId = useTaskDrafts.getState().drafts[workspace]?.requestId ?? crypto.randomUUID();
    const content = contentOf(draft);
    let task: Awaited<ReturnType<typeof create.mutateAsync>>;
    try {
      task = await create.mutateAsync({ content, requestId });
    } catch (thrown) {
      setProblem(placeViolations(form, thrown, fieldOf));
      return;
    }
    drop(workspace);
    if (draft.start === "board") return navigate({ to: "/tasks", search: { task: idOf(task.name) } });
    try {
      const startTime = later?.time;
      const run = await starting.mutateAsync({ task: task.name, requestId: `${requestId}-start`, startTime });
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
          <ChecksField
            checks={form.watch("checks")}
            onChange={(checks) => form.setValue("checks", checks, { shouldDirty: true })}
            errorOf={(index) => errors.checks?.[index]?.text?.message}
          />
          <PlaceFields form={form} />
          <div className="space-y-4 border-t pt-4">
            <StartChoice form={form} />
            {start === "later" ? (
              <StartAtFields
                value={{ at: startAt, zone }}
                onChange={setStartAt}
                tried={form.formState.submitCount > 0}
              />
            ) : null}
          </div>
          <div className="flex flex-wrap items-center gap-4">
            <Button type="submit" look="primary" hotkey="mod+enter" busy={isSubmitting}>
              {isSubmitting ? "Sending..." : VERBS[start]}
            </Button>
            <span className="ml-auto text-faint text-xs">Kept on this machine until you send it</span>
          </div>
        </form>
      </div>
    </Screen>
  );
}

/** What the form says, for the gateway; what nobody has said is left out. */
function contentOf(draft: TaskDraft): TaskContent {
  const { title, brief, assignee, priority, due, parent } = draft;
  const labels = labelsOf(draft.labels);
  const gitUrl = draft.gitUrl.trim();
  return {
    title,
    brief,
    assignee,
    acceptanceChecks: draft.checks.map((check) => check.text.trim()).filter(Boolean),
    ...(priority === "TASK_PRIORITY_NORMAL" ? {} : { priority }),
    ...(labels.length > 0 ? { labels } : {}),
    ...(due ? { dueTime: new Date(due).toISOString() } : {}),
    ...(parent ? { parentTask: parent } : {}),
    ...(gitUrl ? { source: { gitUrl, gitRef: draft.gitRef.trim() } } : {}),
  };
}

/** Whether it starts at once, at a time, or when somebody starts it. */
function StartChoice({ form }: { form: UseFormReturn<TaskDraft> }) {
  return (
    <fieldset className="flex flex-wrap items-center gap-x-5 gap-y-2">
      <legend className="float-left mr-5 font-medium">Start</legend>
      {STARTS.map(([value, label]) => (
        <label key={value} className="flex cursor-pointer items-center gap-2">
          <input type="radio" value={value} {...form.register("start")} className="size-4 accent-accent-fill" />
          {label}
        </label>
      ))}
    </fieldset>
  );
}
