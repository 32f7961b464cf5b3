// Times that stay true while they are looked at.
import { useSyncExternalStore } from "react";
import { absolute, ago, atWords, until } from "../format/time";

const listeners = new Set<() => void>();
let nowMs = Date.now();
let timer: ReturnType<typeof setInterval> | null = null;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  nowMs = Date.now();
  timer ??= setInterval(() => {
    if (document.visibilityState === "hidden") return;
    nowMs = Date.now();
    for (const each of [...listeners]) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
}

/** Now, in ms since 1970, once a second; one timer for all who look. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => nowMs);

/** `9 min`, with the absolute time on hover. */
export function Ago({ time, className }: { time: string | undefined; className?: string }) {
  const now = useNow();
  if (!time) return null;
  return (
    <time dateTime={time} title={absolute(time)} className={className}>
      {ago(time, Math.max(now, Date.parse(time)))}
    </time>
  );
}

/** `9 min ago`, `just now`, with the absolute time on hover. */
export function Since({ time, className }: { time: string | undefined; className?: string }) {
  const now = useNow();
  if (!time) return null;
  const words = ago(time, Math.max(now, Date.parse(time)));
  return (
    <time dateTime={time} title={absolute(time)} className={className}>
      {words === "now" ? "just now" : `${words} ago`}
    </time>
  );
}

/** `in 9 min`, with the absolute time on hover. */
export function Ahead({ time, className }: { time: string | undefined; className?: string }) {
  const now = useNow();
  if (!time) return null;
  return (
    <time dateTime={time} title={absolute(time)} className={className}>
      in {until(time, now)}
    </time>
  );
}

/** `in 4 min, at 14:05`, with the absolute time on hover. */
export function Wake({ time, className }: { time: string | undefined; className?: string }) {
  const now = useNow();
  if (!time) return null;
  return (
    <time dateTime={time} title={absolute(time)} className={className}>
      in {until(time, now)}, {atWords(time, now)}
    </time>
  );
}
