// The line at the bottom: is it connected, what runs, what needs a person, what does today cost.
import { Link } from "@tanstack/react-router";
import { cn } from "~/shared/ui/cn";
import { Kbd } from "~/shared/ui/kbd";
import { useNow } from "~/shared/ui/time";
import type { Connection } from "~/transport/types";
import { useConnection, useReadable, useTransport } from "../transport";
import { usePolling } from "../workspace/live";
import { useNeedYou, useRunning, useSpentToday } from "./counts";

export function StatusBar({ onSearch }: { onSearch: () => void }) {
  const gateway = useReadable(useTransport().gateway);
  const running = useRunning();
  const needYou = useNeedYou();
  const spent = useSpentToday();
  return (
    <footer className="flex h-7 shrink-0 items-center gap-4 border-t bg-sunken px-3 text-muted text-xs tabular-nums [&_a:hover]:text-text">
      <ConnectionMark />
      <span className="hidden truncate md:inline">{gateway.replace(/^https?:\/\//, "")}</span>
      <Link to="/runs" search={{ state: "running" }}>
        {running ?? "?"} running
      </Link>
      <Link to="/inbox" className={cn(needYou ? "font-medium text-need-text" : "")}>
        {needYou ?? "?"} {needYou === 1 ? "needs" : "need"} you
      </Link>
      <span title="Sum of the ledger's entries since midnight on this machine's clock">today {spent ?? "?"}</span>
      <button type="button" onClick={onSearch} className="ml-auto flex items-center gap-1.5 hover:text-text">
        Search <Kbd keys="mod+k" />
      </button>
    </footer>
  );
}

const DOTS: Record<Connection["state"], string> = {
  open: "bg-good",
  connecting: "bg-need",
  waiting: "bg-bad",
  idle: "bg-faint",
};

function ConnectionMark() {
  const connection = useConnection();
  const polling = usePolling() !== false;
  return (
    <span role="status" className="flex items-center gap-1.5">
      <span aria-hidden className={cn("size-2 rounded-full", DOTS[connection.state])} />
      <ConnectionWord connection={connection} polling={polling} />
    </span>
  );
}

function ConnectionWord({ connection, polling }: { connection: Connection; polling: boolean }) {
  switch (connection.state) {
    case "open":
      return <span title={polling ? "Lists are read every 5 s" : "Lists follow events"}>connected</span>;
    case "connecting":
      return "connecting";
    case "idle":
      return "signed out";
    case "waiting":
      return (
        <>
          not connected
          <span aria-hidden>
            , <Countdown until={connection.retryAt} />
          </span>
        </>
      );
  }
}

function Countdown({ until }: { until: number }) {
  const seconds = Math.max(0, Math.ceil((until - useNow()) / 1000));
  return seconds === 0 ? "trying" : `again in ${seconds} s`;
}
