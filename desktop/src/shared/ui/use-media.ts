// Whether a media query holds, now and after every change.
import { useSyncExternalStore } from "react";

/** Widths at which the layout changes; those of Tailwind. */
export const MEDIA = { list: "(min-width: 768px)", sidebar: "(min-width: 1024px)" } as const;

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (changed) => {
      const list = window.matchMedia(query);
      list.addEventListener("change", changed);
      return () => list.removeEventListener("change", changed);
    },
    () => window.matchMedia(query).matches,
  );
}
