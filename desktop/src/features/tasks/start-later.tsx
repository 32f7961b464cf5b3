// Starting a task that is on the board, at a time.
import { useState } from "react";
import type { Task } from "~/api/gen/schemas";
import { Button } from "~/shared/ui/button";
import { Dialog } from "~/shared/ui/dialog";
import { ProblemNote } from "~/shared/ui/problem-note";
import { StartAtFields, soon, startTimeOf } from "./start-at";

interface StartLaterProps {
  task: Task;
  busy: boolean;
  problem: unknown;
  onStart: (startTime: string) => void;
  onClose: () => void;
}

export function StartLater({ task, busy, problem, onStart, onClose }: StartLaterProps) {
  const [value, setValue] = useState(() => soon());
  const [tried, setTried] = useState(false);
  return (
    <Dialog
      title={`Start "${task.title}" later`}
      description="Until then the run is queued: it holds no worker, costs nothing, and can be cancelled."
      onClose={onClose}
    >
      <form
        noValidate
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          const start = startTimeOf(value, Date.now());
          if ("time" in start) onStart(start.time);
        }}
      >
        {problem ? <ProblemNote problem={problem} /> : null}
        <StartAtFields value={value} onChange={setValue} tried={tried} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not now</Button>
          <Button type="submit" look="primary" busy={busy}>
            {busy ? "Sending..." : "Start it then"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
