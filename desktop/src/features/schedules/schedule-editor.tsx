// The screens of one schedule: a new one, and one that is there.
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useRef, useState } from "react";
import { toast } from "sonner";
import type { Schedule } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { scheduleQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useMay, useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { Button } from "~/shared/ui/button";
import { ProblemNote } from "~/shared/ui/problem-note";
import { RowsLoading, Screen } from "~/shared/ui/screen";
import { draftOf, newSchedule, type ScheduleDraft } from "./draft";
import { ScheduleForm } from "./schedule-form";
import { useMakeSchedule, useSaveSchedule } from "./use-schedules";

export function NewSchedule() {
  const navigate = useNavigate();
  const make = useMakeSchedule();
  const [initial] = useState(newSchedule);
  const sent = useRef<{ json: string; requestId: string } | null>(null);
  const submit = async (draft: ScheduleDraft) => {
    const json = JSON.stringify(draft);
    if (sent.current?.json !== json) sent.current = { json, requestId: crypto.randomUUID() };
    const schedule = await make.mutateAsync({ draft, requestId: sent.current.requestId });
    toast.success(`${schedule.displayName} is on the clock`);
    await navigate({ to: "/schedules", search: { schedule: idOf(schedule.name) } });
  };
  return (
    <Screen title="New schedule">
      <Column>
        <ScheduleForm initial={initial} onSubmit={submit}>
          {({ busy }) => (
            <div className="flex gap-2 border-t pt-4">
              <Button type="submit" look="primary" hotkey="mod+enter" busy={busy}>
                {busy ? "Making it..." : "Put it on the clock"}
              </Button>
              <Button look="quiet" asChild>
                <Link to="/schedules">Cancel</Link>
              </Button>
            </div>
          )}
        </ScheduleForm>
      </Column>
    </Screen>
  );
}

export function EditSchedule({ id }: { id: string }) {
  const name = `${useWorkspace()}/schedules/${id}`;
  const schedule = useQuery({ ...scheduleQuery(useTransport(), name), refetchOnWindowFocus: false });
  const [edition, setEdition] = useState(0);
  if (!schedule.data) {
    return schedule.error ? (
      <ProblemNote problem={schedule.error} className="m-4">
        <Button size="sm" asChild>
          <Link to="/schedules">All schedules</Link>
        </Button>
      </ProblemNote>
    ) : (
      <RowsLoading />
    );
  }
  const readAgain = async () => {
    await schedule.refetch();
    setEdition((now) => now + 1);
  };
  return <Editor key={`${name}#${edition}`} read={schedule.data} onReadAgain={() => void readAgain()} />;
}

function Editor({ read, onReadAgain }: { read: Schedule; onReadAgain: () => void }) {
  const navigate = useNavigate();
  // What was read when the form was opened is what is changed, whatever comes in meanwhile.
  const [schedule] = useState(read);
  const save = useSaveSchedule(schedule);
  const may = useMay("ROLE_OPERATOR");
  const changed = save.error && asProblem(save.error).reason === "ETAG_MISMATCH";
  const submit = async (draft: ScheduleDraft) => {
    try {
      const saved = await save.mutateAsync(draft);
      toast.success(`${saved.displayName} is saved`);
      await navigate({ to: "/schedules", search: { schedule: idOf(saved.name) } });
    } catch (thrown) {
      if (asProblem(thrown).reason !== "ETAG_MISMATCH") throw thrown;
    }
  };
  return (
    <Screen title={schedule.displayName} aside={schedule.paused ? "paused" : undefined}>
      <Column>
        {may ? null : <p className="mb-4 text-muted">You may look; changing schedules takes an operator.</p>}
        {changed ? (
          <ProblemNote problem={save.error} className="mb-4">
            <Button size="sm" onClick={onReadAgain}>
              Read it again and drop my changes
            </Button>
          </ProblemNote>
        ) : null}
        <ScheduleForm initial={draftOf(schedule)} onSubmit={submit}>
          {({ busy }) => (
            <div className="flex gap-2 border-t pt-4">
              <Button type="submit" look="primary" hotkey="mod+enter" busy={busy} disabled={!may}>
                {busy ? "Saving..." : "Save"}
              </Button>
              <Button look="quiet" asChild>
                <Link to="/schedules" search={{ schedule: idOf(schedule.name) }}>
                  Cancel
                </Link>
              </Button>
            </div>
          )}
        </ScheduleForm>
      </Column>
    </Screen>
  );
}

function Column({ children }: { children: ReactNode }) {
  return (
    <div className="h-full overflow-auto">
      <div className="mx-auto max-w-3xl p-6">{children}</div>
    </div>
  );
}
