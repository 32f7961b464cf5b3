// The feed of a run for as long as it is on screen.
import { useEffect, useMemo } from "react";
import { useTransport } from "~/app/transport";
import { RunFeed } from "./journal/feed";

/** Follows `run` from its beginning. */
export function useRunFeed(run: string): RunFeed {
  const transport = useTransport();
  const feed = useMemo(() => new RunFeed(transport, run), [transport, run]);
  useEffect(() => {
    feed.open();
    return () => feed.close();
  }, [feed]);
  return feed;
}
