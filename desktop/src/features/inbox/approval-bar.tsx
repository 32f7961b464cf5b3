// Deciding an approval: approve it, approve it with other arguments, or reject it with a reason.
import { Check, PencilLine, X } from "lucide-react";
import { useState } from "react";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { EditArguments } from "./edit-arguments";
import type { Answering } from "./item-peek";
import { ReasonForm } from "./reason-form";

type Mode = "choose" | "edit" | "reject";

export function ApprovalBar({ item, busy, decide }: Answering) {
  const [mode, setMode] = useState<Mode>("choose");
  const approve = () => decide({ approve: {} });
  useKeys({ a: approve, e: () => setMode("edit"), r: () => setMode("reject") }, mode === "choose" && !busy);

  if (mode === "edit") {
    return (
      <EditArguments
        json={item.argumentsJson}
        schemaJson={item.parametersJsonSchema}
        onCancel={() => setMode("choose")}
        onSubmit={(argumentsJson) => decide({ approve: { argumentsJson } })}
      />
    );
  }
  if (mode === "reject") {
    return (
      <ReasonForm
        label="Why not?"
        hint={`${item.agentDisplayName || "The agent"} reads this and goes on without the call.`}
        verb="Reject"
        most={2000}
        onCancel={() => setMode("choose")}
        onSubmit={(reason) => decide({ reject: { reason } })}
      />
    );
  }
  return (
    <div className="flex flex-wrap gap-2">
      <Button look="primary" hotkey="a" busy={busy} onClick={approve}>
        <Check aria-hidden />
        Approve
      </Button>
      <Button hotkey="e" onClick={() => setMode("edit")}>
        <PencilLine aria-hidden />
        Edit
      </Button>
      <Button look="danger" hotkey="r" onClick={() => setMode("reject")}>
        <X aria-hidden />
        Reject
      </Button>
    </div>
  );
}
