// What was to be told, and what became of it; what was given up can be sent again.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";
import type { Delivery, DeliveryState } from "~/api/gen/schemas";
import { deliveriesQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useMay, useWorkspace } from "~/app/workspace/workspace";
import { plural } from "~/shared/format/count";
import { idOf } from "~/shared/format/name";
import { Button } from "~/shared/ui/button";
import { LoadMore } from "~/shared/ui/load-more";
import { ProblemNote } from "~/shared/ui/problem-note";
import { RowsLoading } from "~/shared/ui/screen";
import { Status } from "~/shared/ui/status";
import { Ago, Ahead } from "~/shared/ui/time";
import { useReplay } from "./use-channels";
import { deliveryLook, isUnderWay, kindWord } from "./words";

/** How often deliveries are read again, in ms: while one is under way, and otherwise. */
const SOON_MS = 1_500;
const STILL_MS = 10_000;

interface DeliveriesProps {
  /** Of this channel alone. */
  channel?: string;
  /** In this state alone. */
  state?: DeliveryState | undefined;
  /** The name of a channel, where those of several are shown. */
  channelNamed?: (name: string) => string;
  /** Shown where there is none. */
  nothing: string;
}

export function Deliveries({ channel, state, channelNamed, nothing }: DeliveriesProps) {
  const list = useInfiniteQuery({
    ...deliveriesQuery(useTransport(), useWorkspace(), { channel, state }),
    refetchInterval: (query) =>
      query.state.data?.pages.some(({ deliveries }) => deliveries.some(isUnderWay)) ? SOON_MS : STILL_MS,
  });
  const deliveries = list.data?.pages.flatMap((page) => page.deliveries) ?? [];
  if (list.error && !list.data) {
    return (
      <ProblemNote problem={list.error}>
        <Button size="sm" onClick={() => void list.refetch()}>
          Try again
        </Button>
      </ProblemNote>
    );
  }
  if (list.isPending) return <RowsLoading rows={3} />;
  if (deliveries.length === 0) return <p className="text-pretty text-muted">{nothing}</p>;
  return (
    <>
      <ul aria-label="Deliveries" className="divide-y rounded-panel border bg-raised">
        {deliveries.map((delivery) => (
          <DeliveryRow key={delivery.name} delivery={delivery} channel={channelNamed?.(delivery.channel)} />
        ))}
      </ul>
      <LoadMore list={list} />
    </>
  );
}

function DeliveryRow({ delivery, channel }: { delivery: Delivery; channel: string | undefined }) {
  const may = useMay("ROLE_ADMIN");
  const replay = useReplay();
  const [look, words] = deliveryLook(delivery);
  const { statusCode, error, nextAttemptTime, replays } = delivery;
  const later = nextAttemptTime !== undefined && Date.parse(nextAttemptTime) > Date.now();
  const why = [error, statusCode > 0 && look !== "succeeded" ? `HTTP ${statusCode}` : ""].filter(Boolean).join(", ");
  return (
    <li className="flex items-start gap-2.5 px-3 py-2">
      <span className="mt-px">
        <Status look={look} word="" silent />
      </span>
      <span className="min-w-0 flex-1">
        <span className="block text-pretty break-words">
          <span className="font-medium">{kindWord(delivery.kind)}</span>
          {channel ? <span className="text-muted"> to {channel}</span> : null}
        </span>
        <span className="block text-pretty break-words text-muted text-xs">
          {words}
          {why ? `: ${why}` : ""}
          {isUnderWay(delivery) && later ? (
            <>
              ; tried again <Ahead time={nextAttemptTime} />
            </>
          ) : null}
          {replays > 0 ? `; sent again ${plural(replays, "time")}` : ""}
        </span>
      </span>
      {delivery.run ? (
        <Link
          to="/runs/$run"
          params={{ run: idOf(delivery.run) }}
          className="shrink-0 underline decoration-line underline-offset-3 hover:decoration-current"
        >
          Its run
        </Link>
      ) : null}
      {may && !(isUnderWay(delivery) && !later) ? (
        <Button
          size="sm"
          look={look === "failed" ? "plain" : "quiet"}
          busy={replay.isPending}
          title={isUnderWay(delivery) ? "Try it now" : "Send it again, under the same id"}
          className="-my-0.5"
          onClick={() => replay.mutate(delivery.name)}
        >
          <RotateCw aria-hidden />
          {isUnderWay(delivery) ? "Now" : "Again"}
          <span className="sr-only">: {kindWord(delivery.kind)}</span>
        </Button>
      ) : null}
      <Ago time={delivery.createTime} className="w-12 shrink-0 text-right text-muted tabular-nums" />
    </li>
  );
}
