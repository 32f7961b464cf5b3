// Saying what became of a call whose answer a crash swallowed.
import { Check, RotateCw, X } from "lucide-react";
import { useState } from "react";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import type { Answering } from "./item-peek";
import { ReasonForm } from "./reason-form";

type Mode = "choose" | "done" | "failed";

export function OutcomeBar({ busy, decide }: Answering) {
  const [mode, setMode] = useState<Mode>("choose");
  const retry = () => decide({ retry: {} });
  useKeys({ d: () => setMode("done"), t: retry, f: () => setMode("failed") }, mode === "choose" && !busy);
  const back = () => setMode("choose");

  if (mode === "done") {
    return (
      <ReasonForm
        label="What came out of it?"
        hint="The agent reads this as the call's result."
        verb="Mark as done"
        most={8000}
        onCancel={back}
        onSubmit={(result) => decide({ markDone: { result } })}
      />
    );
  }
  if (mode === "failed") {
    return (
      <ReasonForm
        label="What went wrong?"
        hint="The agent reads this and decides how to go on."
        verb="Count as failed"
        most={2000}
        onCancel={back}
        onSubmit={(reason) => decide({ fail: { reason } })}
      />
    );
  }
  return (
    <div className="space-y-3">
      <p className="text-pretty text-muted">
        Look at the other side. If it happened, mark it as done; trying again could do it twice.
      </p>
      <div className="flex flex-wrap gap-2">
        <Button look="primary" hotkey="d" onClick={() => setMode("done")}>
          <Check aria-hidden />
          It happened
        </Button>
        <Button hotkey="t" busy={busy} onClick={retry}>
          <RotateCw aria-hidden />
          Try again
        </Button>
        <Button look="danger" hotkey="f" onClick={() => setMode("failed")}>
          <X aria-hidden />
          It failed
        </Button>
      </div>
    </div>
  );
}
