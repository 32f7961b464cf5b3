// A look at one channel: where it goes and what of, how it stands, what can be done about it, and what went out on it.
import { Link } from "@tanstack/react-router";
import { KeyRound, Pause, PencilLine, Play, Send, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Agent, Channel } from "~/api/gen/schemas";
import { useMay } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Dialog } from "~/shared/ui/dialog";
import { Fact, Facts } from "~/shared/ui/screen";
import { Status } from "~/shared/ui/status";
import { Ahead, Since } from "~/shared/ui/time";
import { Deliveries } from "./deliveries";
import { RotateDialog } from "./rotate-dialog";
import { SecretDialog } from "./secret-dialog";
import { useDeleteChannel, useTestChannel, useTurnChannel } from "./use-channels";
import { channelLook, delayWords, formatWord, hostOf, kindsWords, minutesOf } from "./words";

interface ChannelPeekProps {
  channel: Channel;
  agentNamed: (name: string) => Agent | undefined;
  onDeleted: () => void;
}

export function ChannelPeek({ channel, agentNamed, onDeleted }: ChannelPeekProps) {
  const may = useMay("ROLE_ADMIN");
  const [look, word] = channelLook(channel);
  const { disabled, disableReason, oldSecretExpireTime } = channel;
  const whose = channel.agents.map((name) => agentNamed(name)?.displayName ?? "somebody who is no longer here");
  return (
    <section aria-label={channel.displayName} className="space-y-5 p-5">
      <div className="space-y-2">
        <Status look={look} word={word} />
        <h2 className="text-pretty break-words font-semibold text-lg">{channel.displayName}</h2>
        {disabled ? (
          <p className="text-pretty text-muted">
            {disableReason === "GONE"
              ? "Its receiver answered that it is gone for good (410), so nothing is sent there any more. Turn it on again once somebody is there."
              : "It is off: what happens meanwhile is not told on it, now or later."}
          </p>
        ) : null}
      </div>
      {may ? (
        <Actions channel={channel} onDeleted={onDeleted} />
      ) : (
        <p className="text-muted">You may look; testing and changing channels takes an admin.</p>
      )}
      <Facts>
        <Fact name="How">{formatWord(channel.format)}</Fact>
        <Fact name="To">
          <span className="break-all font-mono text-xs">
            {channel.format === "CHANNEL_FORMAT_SLACK" ? hostOf(channel.url) : channel.url}
          </span>
        </Fact>
        <Fact name="Told of">{kindsWords(channel.kinds)}</Fact>
        <Fact name="Whose runs">{whose.length > 0 ? whose.join(", ") : "everybody's"}</Fact>
        <Fact name="When">
          {minutesOf(channel.delay) > 0
            ? `${delayWords(channel.delay)}, of what nobody has seen to by then`
            : "at once"}
        </Fact>
        <Fact name="Says">
          {channel.includeContent
            ? "what it is about, in the words of people and agents"
            : "where to look, and no more"}
        </Fact>
        {oldSecretExpireTime ? (
          <Fact name="Secret">
            changed; the one before signs along until <Ahead time={oldSecretExpireTime} />
          </Fact>
        ) : null}
        <Fact name="Changed">
          <Since time={channel.updateTime ?? channel.createTime} />
        </Fact>
      </Facts>
      <div>
        <h3 className="mb-1.5 text-muted">Deliveries</h3>
        <Deliveries channel={channel.name} nothing="Nothing went out on it yet. Send a test to see that it arrives." />
      </div>
    </section>
  );
}

function Actions({ channel, onDeleted }: { channel: Channel; onDeleted: () => void }) {
  const [dialog, setDialog] = useState<"delete" | "rotate" | null>(null);
  const [secret, setSecret] = useState("");
  const turn = useTurnChannel(channel.name);
  const test = useTestChannel(channel.name);
  const remove = useDeleteChannel();
  const toggle = () => turn.mutate(!channel.disabled);
  const close = () => setDialog(null);
  useKeys({ t: () => test.mutate(), p: toggle }, dialog === null && !turn.isPending && !test.isPending);
  return (
    <div className="flex flex-wrap gap-2">
      <Button look="primary" hotkey="t" busy={test.isPending} onClick={() => test.mutate()}>
        <Send aria-hidden />
        Send a test
      </Button>
      <Button hotkey="enter" asChild>
        <Link to="/settings/notifications/$channel" params={{ channel: idOf(channel.name) }}>
          <PencilLine aria-hidden />
          Edit
        </Link>
      </Button>
      <Button hotkey="p" busy={turn.isPending} onClick={toggle}>
        {channel.disabled ? <Play aria-hidden /> : <Pause aria-hidden />}
        {channel.disabled ? "Turn on" : "Turn off"}
      </Button>
      <Button onClick={() => setDialog("rotate")}>
        <KeyRound aria-hidden />
        {channel.format === "CHANNEL_FORMAT_SLACK" ? "New address..." : "New secret..."}
      </Button>
      <Button look="quiet" onClick={() => setDialog("delete")}>
        <Trash2 aria-hidden />
        Delete
      </Button>
      {dialog === "delete" ? (
        <Dialog
          title={`Delete "${channel.displayName}"?`}
          description="Its deliveries go with it, sent or not, and its secret. Nothing of it can be brought back."
          onClose={close}
        >
          <div className="flex justify-end gap-2">
            <Button onClick={close}>Keep it</Button>
            <Button
              look="destroy"
              busy={remove.isPending}
              onClick={() => remove.mutate(channel, { onSuccess: onDeleted, onSettled: close })}
            >
              Delete the channel
            </Button>
          </div>
        </Dialog>
      ) : null}
      {dialog === "rotate" ? (
        <RotateDialog
          channel={channel}
          onClose={close}
          onDone={(made) => {
            close();
            setSecret(made.secret);
          }}
        />
      ) : null}
      {secret ? (
        <SecretDialog channel={channel.displayName} secret={secret} rotated onClose={() => setSecret("")} />
      ) : null}
    </div>
  );
}
