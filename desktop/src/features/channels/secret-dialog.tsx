// A secret that is shown this once: copied, and kept by whoever needs it.
import { CopyButton } from "~/features/run-detail/text/copy-button";
import { Button } from "~/shared/ui/button";
import { Dialog } from "~/shared/ui/dialog";

interface SecretDialogProps {
  channel: string;
  secret: string;
  /** True while what is sent is signed with the secret before, too. */
  rotated: boolean;
  onClose: () => void;
}

export function SecretDialog({ channel, secret, rotated, onClose }: SecretDialogProps) {
  return (
    <Dialog
      title={`The signing secret of "${channel}"`}
      description="It is shown this once, and kept nowhere that people can read. Whoever receives the webhooks verifies them with it."
      onClose={onClose}
    >
      <div className="space-y-4">
        <div className="flex items-center gap-2 rounded-control border border-edge bg-sunken px-3 py-2">
          <code className="min-w-0 flex-1 select-all break-all text-xs">{secret}</code>
          <CopyButton label="Copy the secret" text={secret}>
            Copy
          </CopyButton>
        </div>
        {rotated ? (
          <p className="text-pretty text-muted">
            For 24 hours what is sent is signed with the secret before, too: receivers change over without missing
            anything.
          </p>
        ) : null}
        <div className="flex justify-end">
          <Button look="primary" onClick={onClose}>
            I have kept it
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
