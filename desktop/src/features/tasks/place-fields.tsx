// The place of a new task on the board: how much it presses, by when, its labels, what it is a part of, where the work is.
import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import type { UseFormReturn } from "react-hook-form";
import { taskQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { Button } from "~/shared/ui/button";
import { Field, Input, Select } from "~/shared/ui/field";
import type { TaskDraft } from "./draft";
import { PRIORITIES } from "./words";

export function PlaceFields({ form }: { form: UseFormReturn<TaskDraft> }) {
  const { errors } = form.formState;
  const [parent, gitUrl] = form.watch(["parent", "gitUrl"]);
  return (
    <div className="grid gap-4 border-t pt-4 sm:grid-cols-2">
      {parent ? <ParentNote name={parent} onDrop={() => form.setValue("parent", "", { shouldDirty: true })} /> : null}
      {errors.parent ? (
        <p role="alert" className="text-bad-text text-xs sm:col-span-2">
          {errors.parent.message}
        </p>
      ) : null}
      <Field label="Priority" error={errors.priority?.message}>
        {(control) => (
          <Select {...control} {...form.register("priority")}>
            {PRIORITIES.map(({ value, label }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Field label="Due" aside="optional" error={errors.due?.message}>
        {(control) => <Input {...control} {...form.register("due")} type="datetime-local" />}
      </Field>
      <Field label="Labels" aside="parted by commas" error={errors.labels?.message} className="sm:col-span-2">
        {(control) => <Input {...control} {...form.register("labels")} placeholder="bug, login" />}
      </Field>
      <Field
        label="Repository"
        aside="optional"
        error={errors.gitUrl?.message}
        hint="Kept and shown; nothing is fetched."
        className={gitUrl ? "" : "sm:col-span-2"}
      >
        {(control) => (
          <Input
            {...control}
            {...form.register("gitUrl")}
            spellCheck={false}
            placeholder="https://git.acme.example/app.git"
            className="font-mono text-xs"
          />
        )}
      </Field>
      {gitUrl ? (
        <Field label="Branch, tag or commit" aside="optional" error={errors.gitRef?.message}>
          {(control) => (
            <Input
              {...control}
              {...form.register("gitRef")}
              spellCheck={false}
              placeholder="its default branch"
              className="font-mono text-xs"
            />
          )}
        </Field>
      ) : null}
    </div>
  );
}

function ParentNote({ name, onDrop }: { name: string; onDrop: () => void }) {
  const parent = useQuery(taskQuery(useTransport(), name)).data;
  return (
    <p className="flex items-center gap-2 sm:col-span-2">
      <span className="text-muted">A part of</span>
      <span className="min-w-0 truncate font-medium">{parent?.title ?? "another task"}</span>
      <Button size="icon" look="quiet" aria-label="A part of nothing" onClick={onDrop}>
        <X aria-hidden />
      </Button>
    </p>
  );
}
