// A new secret for a channel: made by the gateway for a webhook, given by a person for Slack.
import { type FormEvent, useState } from "react";
import type { Channel } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { Button } from "~/shared/ui/button";
import { Dialog } from "~/shared/ui/dialog";
import { Field, Input } from "~/shared/ui/field";
import { ProblemNote } from "~/shared/ui/problem-note";
import { keepsAddressSecret } from "./draft";
import { type Made, useRotateSecret } from "./use-channels";

interface RotateDialogProps {
  channel: Channel;
  onClose: () => void;
  onDone: (made: Made) => void;
}

export function RotateDialog({ channel, onClose, onDone }: RotateDialogProps) {
  const rotate = useRotateSecret(channel.name);
  const [url, setUrl] = useState("");
  const given = keepsAddressSecret(channel.format);
  const violation = rotate.error ? asProblem(rotate.error).violations.find(({ field }) => field === "url") : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (rotate.isPending || (given && url.trim() === "")) return;
    rotate.mutate(url.trim(), { onSuccess: onDone });
  };
  return (
    <Dialog
      title={given ? `A new address for "${channel.displayName}"` : `A new secret for "${channel.displayName}"`}
      description={
        given
          ? "What is sent from now on goes there. The address before is forgotten."
          : "The new one is shown once. For 24 hours what is sent is signed with both, so that receivers can change over."
      }
      onClose={onClose}
    >
      <form onSubmit={submit} className="space-y-4">
        {rotate.error && !violation ? <ProblemNote problem={rotate.error} /> : null}
        {given ? (
          <Field label="Incoming webhook's address" error={violation ? `It ${violation.description}.` : undefined}>
            {(control) => (
              <Input
                {...control}
                type="password"
                autoFocus
                spellCheck={false}
                placeholder="https://hooks.slack.com/services/..."
                value={url}
                onChange={(event) => setUrl(event.target.value)}
                className="font-mono text-xs"
              />
            )}
          </Field>
        ) : null}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not now</Button>
          <Button type="submit" look="primary" busy={rotate.isPending} disabled={given && url.trim() === ""}>
            {rotate.isPending ? "Changing..." : given ? "Take this address" : "Make a new secret"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
