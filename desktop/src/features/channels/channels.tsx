// Notifications: the channels that word goes out on, with a look at one; and all that went out, or was given up.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { BellRing, ChevronLeft, Plus } from "lucide-react";
import type { Channel } from "~/api/gen/schemas";
import { agentsQuery, channelQuery, channelsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useMay, useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { useListKeys } from "~/shared/keyboard/use-list-keys";
import { Button } from "~/shared/ui/button";
import { Empty } from "~/shared/ui/empty";
import { LoadMore } from "~/shared/ui/load-more";
import { ProblemNote, UnreadNote } from "~/shared/ui/problem-note";
import { Filters, Row, RowsLoading, Screen, Split } from "~/shared/ui/screen";
import { Status } from "~/shared/ui/status";
import { ChannelPeek } from "./channel-peek";
import { Deliveries } from "./deliveries";
import { channelLook, delayWords, formatWord, hostOf, kindsWords, minutesOf } from "./words";

const SHOWN = [
  { value: "channels", label: "Channels" },
  { value: "all", label: "Deliveries" },
  { value: "dead", label: "Given up" },
] as const;

/** How often channels are read again, in ms: a receiver may have sent word that it is gone. */
const STANDING_MS = 15_000;

export function Notifications() {
  const search = useSearch({ from: "/signed-in/settings/notifications" });
  const navigate = useNavigate({ from: "/settings/notifications" });
  const transport = useTransport();
  const workspace = useWorkspace();
  const may = useMay("ROLE_ADMIN");
  const list = useInfiniteQuery({ ...channelsQuery(transport, workspace), refetchInterval: STANDING_MS });
  const channels = list.data?.pages.flatMap((page) => page.channels) ?? [];
  const show = search.list ?? "channels";
  const add = (
    <Button look="primary" asChild>
      <Link to="/settings/notifications/new">
        <Plus aria-hidden />
        New channel
      </Link>
    </Button>
  );
  return (
    <Screen
      title="Notifications"
      aside={list.data ? `${channels.length}${list.hasNextPage ? "+" : ""}` : undefined}
      actions={
        <>
          <Button size="sm" look="quiet" asChild>
            <Link to="/settings">
              <ChevronLeft aria-hidden />
              Settings
            </Link>
          </Button>
          {may && channels.length > 0 ? add : null}
        </>
      }
      filters={
        channels.length > 0 || show !== "channels" ? (
          <Filters
            label="Show"
            options={SHOWN}
            value={show}
            onChange={(value) => void navigate({ search: value === "channels" ? {} : { list: value } })}
          />
        ) : null
      }
    >
      {list.error && !list.data ? (
        <UnreadNote problem={list.error} onRetry={() => void list.refetch()} />
      ) : list.isPending ? (
        <RowsLoading />
      ) : show !== "channels" ? (
        <div className="h-full overflow-auto">
          <div className="mx-auto max-w-3xl p-6">
            <Deliveries
              key={show}
              state={show === "dead" ? "DELIVERY_STATE_DEAD" : undefined}
              channelNamed={(name) => channels.find((each) => each.name === name)?.displayName ?? "another channel"}
              nothing={
                show === "dead"
                  ? "Nothing was given up. What its receiver does not take in ten attempts over three days comes here, and can be sent again."
                  : "Nothing went out yet."
              }
            />
          </div>
        </div>
      ) : channels.length === 0 ? (
        <Empty icon={BellRing} title="Nobody is told outside of this window" action={may ? add : null}>
          A channel sends word when a run needs somebody or has ended: to Slack, or as a signed webhook to anything of
          yours. It is tried for three days, and everything that became of it is listed here.
        </Empty>
      ) : (
        <List channels={channels} list={list} />
      )}
    </Screen>
  );
}

type Paged = Parameters<typeof LoadMore>[0]["list"];

function List({ channels, list }: { channels: readonly Channel[]; list: Paged }) {
  const search = useSearch({ from: "/signed-in/settings/notifications" });
  const navigate = useNavigate({ from: "/settings/notifications" });
  const agents = useQuery(agentsQuery(useTransport(), useWorkspace())).data ?? [];
  const selected = search.channel ?? null;
  const select = (channel: string | null) =>
    void navigate({ search: { channel: channel ?? undefined }, replace: true });
  useListKeys({
    ids: channels.map((channel) => idOf(channel.name)),
    selected,
    onSelect: select,
    onOpen: (channel) => void navigate({ to: "/settings/notifications/$channel", params: { channel } }),
  });
  return (
    <Split
      onClose={() => select(null)}
      list={
        <>
          <ul aria-label="Channels">
            {channels.map((channel) => (
              <ChannelRow key={channel.name} channel={channel} selected={idOf(channel.name) === selected} />
            ))}
          </ul>
          <LoadMore list={list} />
        </>
      }
      peek={
        selected ? (
          <Peek
            key={selected}
            id={selected}
            listed={channels.find((channel) => idOf(channel.name) === selected)}
            agentNamed={(name) => agents.find((agent) => agent.name === name)}
            onDeleted={() => select(null)}
          />
        ) : null
      }
    />
  );
}

function ChannelRow({ channel, selected }: { channel: Channel; selected: boolean }) {
  const [look, word] = channelLook(channel);
  return (
    <Row
      selected={selected}
      render={(content) => (
        <Link to="/settings/notifications" search={{ channel: idOf(channel.name) }} replace {...content} />
      )}
    >
      <span className="flex w-4 shrink-0 overflow-hidden @md:w-14">
        <Status look={look} word={word} />
      </span>
      <span className="min-w-0 flex-1 py-2">
        <span className="block truncate font-medium">{channel.displayName}</span>
        <span className="block truncate text-muted text-xs">
          {formatWord(channel.format)}, {hostOf(channel.url)}
        </span>
      </span>
      <span className="hidden w-72 shrink-0 truncate text-right text-muted text-xs @2xl:block">
        {kindsWords(channel.kinds)}
      </span>
      {minutesOf(channel.delay) > 0 ? (
        <span className="shrink-0 text-muted text-xs">{delayWords(channel.delay)}</span>
      ) : null}
    </Row>
  );
}

interface PeekProps extends Omit<Parameters<typeof ChannelPeek>[0], "channel"> {
  id: string;
  listed: Channel | undefined;
}

/** From the list, or read by itself when a link leads to one that is not listed. */
function Peek({ id, listed, ...more }: PeekProps) {
  const name = `${useWorkspace()}/channels/${id}`;
  const read = useQuery({ ...channelQuery(useTransport(), name), enabled: listed === undefined });
  const channel = listed ?? read.data;
  if (channel) return <ChannelPeek channel={channel} {...more} />;
  if (!read.error) return <RowsLoading rows={4} />;
  return (
    <ProblemNote problem={read.error} className="m-4">
      <Button size="sm" asChild>
        <Link to="/settings/notifications">All channels</Link>
      </Button>
    </ProblemNote>
  );
}
