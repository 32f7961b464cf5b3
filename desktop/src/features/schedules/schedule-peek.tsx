// A look at one schedule: when and what, how it stands, what can be done about it, and what its fires came to.
import { Link } from "@tanstack/react-router";
import { Pause, PencilLine, Play, Trash2, Zap } from "lucide-react";
import { useRef, useState } from "react";
import type { Agent, Schedule } from "~/api/gen/schemas";
import { useMay } from "~/app/workspace/workspace";
import { Avatar } from "~/features/team/avatar";
import { plural } from "~/shared/format/count";
import { idOf } from "~/shared/format/name";
import { absolute } from "~/shared/format/time";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Dialog } from "~/shared/ui/dialog";
import { Fact, Facts } from "~/shared/ui/screen";
import { Status } from "~/shared/ui/status";
import { Ahead, Since } from "~/shared/ui/time";
import { Fires } from "./fires";
import { useDeleteSchedule, useFire, useScheduleClock } from "./use-schedules";
import { MISSES, OVERLAPS, policyWords, scheduleLook, whenWords } from "./words";

interface SchedulePeekProps {
  schedule: Schedule;
  agentNamed: (name: string) => Agent | undefined;
  onDeleted: () => void;
}

export function SchedulePeek({ schedule, agentNamed, onDeleted }: SchedulePeekProps) {
  const may = useMay("ROLE_OPERATOR");
  const [look, word] = scheduleLook(schedule);
  const { template, nextFireTime } = schedule;
  const agent = agentNamed(template.assignee);
  return (
    <section aria-label={schedule.displayName} className="space-y-5 p-5">
      <div className="space-y-2">
        <Status look={look} word={word} />
        <h2 className="text-pretty break-words font-semibold text-lg">{schedule.displayName}</h2>
        <p className="text-muted">
          {sentence(whenWords(schedule))}
          {nextFireTime ? (
            <>
              {" "}
              Next <Ahead time={nextFireTime} />, {absolute(nextFireTime)} here.
            </>
          ) : schedule.paused ? (
            " Its clock stands."
          ) : (
            " It never comes again."
          )}
        </p>
      </div>
      {may ? (
        <Actions schedule={schedule} onDeleted={onDeleted} />
      ) : (
        <p className="text-muted">You may look; firing and changing it takes an operator.</p>
      )}
      <Facts>
        <Fact name="Starts">
          <span className="font-medium">{template.title}</span>
          {template.brief ? (
            <span className="line-clamp-3 whitespace-pre-wrap text-muted text-xs">{template.brief}</span>
          ) : null}
        </Fact>
        <Fact name="By">
          {agent ? (
            <span className="flex items-center gap-2">
              <Avatar agent={agent} /> {agent.displayName}
            </span>
          ) : (
            <span className="text-need-text">somebody who is no longer on the team</span>
          )}
        </Fact>
        <Fact name="Expression">
          <code className="text-xs">{schedule.cron}</code>
        </Fact>
        <Fact name="Overlap">If the run before goes on, it {policyWords(OVERLAPS, schedule.overlapPolicy)}.</Fact>
        <Fact name="Missed">Of times that were missed it {policyWords(MISSES, schedule.missedFirePolicy)}.</Fact>
        <Fact name="So far">
          <span className="tabular-nums">{soFar(schedule)}</span>
        </Fact>
        <Fact name="Changed">
          <Since time={schedule.updateTime ?? schedule.createTime} />
        </Fact>
      </Facts>
      <Fires schedule={schedule} />
    </section>
  );
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function soFar({ startedFires, skippedFires, failedFires, missedTimes }: Schedule): string {
  const counts = [
    `${plural(Number(startedFires), "run")} started`,
    skippedFires === "0" ? "" : `${skippedFires} skipped`,
    failedFires === "0" ? "" : `${failedFires} did not start`,
    missedTimes === "0" ? "" : `${missedTimes} missed`,
  ];
  return counts.filter(Boolean).join(", ");
}

function Actions({ schedule, onDeleted }: { schedule: Schedule; onDeleted: () => void }) {
  const [deleting, setDeleting] = useState(false);
  const clock = useScheduleClock(schedule.name);
  const fire = useFire(schedule.name);
  const remove = useDeleteSchedule();
  const requestId = useRef(crypto.randomUUID());
  const order = schedule.paused ? "resume" : "pause";
  const toggle = () => clock.mutate(order);
  const run = () =>
    fire.mutate(requestId.current, {
      onSuccess: () => {
        requestId.current = crypto.randomUUID();
      },
    });
  useKeys({ p: toggle, f: run }, !deleting && !clock.isPending && !fire.isPending);
  return (
    <div className="flex flex-wrap gap-2">
      <Button hotkey="f" busy={fire.isPending} onClick={run}>
        <Zap aria-hidden />
        Run now
      </Button>
      <Button hotkey="p" busy={clock.isPending} onClick={toggle}>
        {schedule.paused ? <Play aria-hidden /> : <Pause aria-hidden />}
        {schedule.paused ? "Resume" : "Pause"}
      </Button>
      <Button hotkey="enter" asChild>
        <Link to="/schedules/$schedule" params={{ schedule: idOf(schedule.name) }}>
          <PencilLine aria-hidden />
          Edit
        </Link>
      </Button>
      <Button look="quiet" className="ml-auto" onClick={() => setDeleting(true)}>
        <Trash2 aria-hidden />
        Delete
      </Button>
      {deleting ? (
        <Dialog
          title={`Delete "${schedule.displayName}"?`}
          description="Its history goes with it, and whatever of it waits. Tasks and runs that it started stay and go on."
          onClose={() => setDeleting(false)}
        >
          <div className="flex justify-end gap-2">
            <Button onClick={() => setDeleting(false)}>Keep it</Button>
            <Button
              look="destroy"
              busy={remove.isPending}
              onClick={() => remove.mutate(schedule, { onSuccess: onDeleted, onSettled: () => setDeleting(false) })}
            >
              Delete the schedule
            </Button>
          </div>
        </Dialog>
      ) : null}
    </div>
  );
}
