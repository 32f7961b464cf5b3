// The screens of one channel: a new one, whose secret is shown once, and one that is there.
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { toast } from "sonner";
import type { Channel } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { channelQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useMay, useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { Button } from "~/shared/ui/button";
import { ProblemNote } from "~/shared/ui/problem-note";
import { RowsLoading, Screen } from "~/shared/ui/screen";
import { ChannelForm } from "./channel-form";
import { type ChannelDraft, draftOf, newChannel } from "./draft";
import { SecretDialog } from "./secret-dialog";
import { type Made, useMakeChannel, useSaveChannel } from "./use-channels";

export function NewChannel() {
  const navigate = useNavigate();
  const make = useMakeChannel();
  const [initial] = useState(newChannel);
  const [made, setMade] = useState<Made | null>(null);
  const look = (channel: Channel) =>
    void navigate({ to: "/settings/notifications", search: { channel: idOf(channel.name) } });
  const submit = async (draft: ChannelDraft) => {
    const answer = await make.mutateAsync(draft);
    toast.success(`${answer.channel.displayName} is told from now on`);
    if (answer.secret) setMade(answer);
    else look(answer.channel);
  };
  return (
    <Screen title="New channel">
      <Column>
        <ChannelForm initial={initial} made={false} onSubmit={submit}>
          {({ busy }) => (
            <div className="flex gap-2 border-t pt-4">
              <Button
                type="submit"
                look="primary"
                hotkey="mod+enter"
                busy={busy || make.isPending}
                disabled={made !== null}
              >
                {busy ? "Making it..." : "Make the channel"}
              </Button>
              <Button look="quiet" asChild>
                <Link to="/settings/notifications">Cancel</Link>
              </Button>
            </div>
          )}
        </ChannelForm>
      </Column>
      {made ? (
        <SecretDialog
          channel={made.channel.displayName}
          secret={made.secret}
          rotated={false}
          onClose={() => look(made.channel)}
        />
      ) : null}
    </Screen>
  );
}

export function EditChannel({ id }: { id: string }) {
  const name = `${useWorkspace()}/channels/${id}`;
  const channel = useQuery({ ...channelQuery(useTransport(), name), refetchOnWindowFocus: false });
  const [edition, setEdition] = useState(0);
  if (!channel.data) {
    return channel.error ? (
      <ProblemNote problem={channel.error} className="m-4">
        <Button size="sm" asChild>
          <Link to="/settings/notifications">All channels</Link>
        </Button>
      </ProblemNote>
    ) : (
      <RowsLoading />
    );
  }
  const readAgain = async () => {
    await channel.refetch();
    setEdition((now) => now + 1);
  };
  return <Editor key={`${name}#${edition}`} read={channel.data} onReadAgain={() => void readAgain()} />;
}

function Editor({ read, onReadAgain }: { read: Channel; onReadAgain: () => void }) {
  const navigate = useNavigate();
  // What was read when the form was opened is what is changed, whatever comes in meanwhile.
  const [channel] = useState(read);
  const save = useSaveChannel(channel);
  const may = useMay("ROLE_ADMIN");
  const changed = save.error && asProblem(save.error).reason === "ETAG_MISMATCH";
  const submit = async (draft: ChannelDraft) => {
    try {
      const saved = await save.mutateAsync(draft);
      toast.success(`${saved.displayName} is saved`);
      await navigate({ to: "/settings/notifications", search: { channel: idOf(saved.name) } });
    } catch (thrown) {
      if (asProblem(thrown).reason !== "ETAG_MISMATCH") throw thrown;
    }
  };
  return (
    <Screen title={channel.displayName} aside={channel.disabled ? "off" : undefined}>
      <Column>
        {may ? null : <p className="mb-4 text-muted">You may look; changing channels takes an admin.</p>}
        {changed ? (
          <ProblemNote problem={save.error} className="mb-4">
            <Button size="sm" onClick={onReadAgain}>
              Read it again and drop my changes
            </Button>
          </ProblemNote>
        ) : null}
        <ChannelForm initial={draftOf(channel)} made onSubmit={submit}>
          {({ busy }) => (
            <div className="flex gap-2 border-t pt-4">
              <Button type="submit" look="primary" hotkey="mod+enter" busy={busy} disabled={!may}>
                {busy ? "Saving..." : "Save"}
              </Button>
              <Button look="quiet" asChild>
                <Link to="/settings/notifications" search={{ channel: idOf(channel.name) }}>
                  Cancel
                </Link>
              </Button>
            </div>
          )}
        </ChannelForm>
      </Column>
    </Screen>
  );
}

function Column({ children }: { children: ReactNode }) {
  return (
    <div className="h-full overflow-auto">
      <div className="mx-auto max-w-2xl p-6">{children}</div>
    </div>
  );
}
