// How long something has been under way, once a second, without rendering what is around it.
import { duration } from "~/shared/format/time";
import { useNow } from "~/shared/ui/time";

export function Elapsed({ since }: { since: string | undefined }) {
  const now = useNow();
  if (!since) return null;
  const ms = Math.max(0, now - Date.parse(since));
  return <>{ms < 1_000 ? "" : duration(Math.floor(ms / 1_000) * 1_000)}</>;
}
