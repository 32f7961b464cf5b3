// Deciding an approval: approve it, now or for good, approve it with other arguments, answer in its place, or reject it.
import { Check, MessageSquareReply, PencilLine, ShieldCheck, X } from "lucide-react";
import { useState } from "react";
import { useMay } from "~/app/workspace/workspace";
import { AlwaysAllow } from "~/features/rules/always-allow";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { EditArguments } from "./edit-arguments";
import type { Answering } from "./item-peek";
import { ReasonForm } from "./reason-form";

type Mode = "choose" | "edit" | "reject" | "respond" | "always";

export function ApprovalBar({ item, busy, decide }: Answering) {
  const [mode, setMode] = useState<Mode>("choose");
  const mayRule = useMay("ROLE_ADMIN");
  const approve = () => decide({ approve: {} });
  const back = () => setMode("choose");
  useKeys(
    {
      a: approve,
      e: () => setMode("edit"),
      r: () => setMode("reject"),
      w: () => setMode("respond"),
      ...(mayRule ? { l: () => setMode("always") } : {}),
    },
    mode === "choose" && !busy,
  );
  const who = item.agentDisplayName || "The agent";

  if (mode === "edit") {
    return (
      <EditArguments
        json={item.argumentsJson}
        schemaJson={item.parametersJsonSchema}
        onCancel={back}
        onSubmit={(argumentsJson) => decide({ approve: { argumentsJson } })}
      />
    );
  }
  if (mode === "reject") {
    return (
      <ReasonForm
        label="Why not?"
        hint={`${who} reads this and goes on without the call.`}
        verb="Reject"
        most={2000}
        onCancel={back}
        onSubmit={(reason) => decide({ reject: { reason } })}
      />
    );
  }
  if (mode === "respond") {
    return (
      <ReasonForm
        label="What should it read instead?"
        hint={`The call is not made. ${who} is told so, and reads this in place of its result.`}
        verb="Answer in its place"
        most={8000}
        onCancel={back}
        onSubmit={(text) => decide({ respond: { text } })}
      />
    );
  }
  if (mode === "always") return <AlwaysAllow item={item} busy={busy} decide={decide} onCancel={back} />;
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
      <Button look="quiet" hotkey="w" onClick={() => setMode("respond")}>
        <MessageSquareReply aria-hidden />
        Answer in its place
      </Button>
      {mayRule ? (
        <Button look="quiet" hotkey="l" onClick={() => setMode("always")}>
          <ShieldCheck aria-hidden />
          Always allow...
        </Button>
      ) : null}
    </div>
  );
}
