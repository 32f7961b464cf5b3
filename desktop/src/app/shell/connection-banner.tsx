// Says that what is on screen may be old, why, and what to do. Nothing while all is well.
import { useEffect, useState } from "react";
import { Button } from "~/shared/ui/button";
import type { Connection, LostCause } from "~/transport/types";
import { useConnection, useReadable, useTransport } from "../transport";

/** A break shorter than this is nobody's concern, in ms. */
const PATIENCE_MS = 2_500;

const WORDS: Record<LostCause, (gateway: string) => string> = {
  network: () => "This machine has no network. What you see stays readable and is brought up to date when it is back.",
  unreachable: (gateway) => `Nothing answers at ${gateway}. If it runs on this machine, start it with "./mc up".`,
  restarting: () => "Mission Control is restarting. Runs go on where they were; this page comes back by itself.",
};

export function ConnectionBanner() {
  const transport = useTransport();
  const connection = useConnection();
  const gateway = useReadable(transport.gateway);
  const cause = useLasting(connection);
  if (cause === null) return null;
  return (
    <div
      role="status"
      className="flex min-h-10 shrink-0 items-center gap-3 border-b bg-need-soft px-4 py-1.5 text-need-text"
    >
      <p className="min-w-0 flex-1 text-pretty">{WORDS[cause](gateway.replace(/^https?:\/\//, ""))}</p>
      <Button size="sm" onClick={() => transport.reconnect()}>
        Try now
      </Button>
    </div>
  );
}

/** The cause of a break that has lasted; it stays while attempts are made, so that the banner does not flicker. */
function useLasting(connection: Connection): LostCause | null {
  const [cause, setCause] = useState<LostCause | null>(null);
  const waiting = connection.state === "waiting" ? connection.cause : null;
  const over = connection.state === "open" || connection.state === "idle";
  useEffect(() => {
    if (over) setCause(null);
    if (waiting === null) return;
    const timer = setTimeout(() => setCause(waiting), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [waiting, over]);
  return cause;
}
