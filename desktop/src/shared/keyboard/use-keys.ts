// Binds single keys and two-key sequences, and stays out of the way of typing and of dialogs.
import { useEffect, useRef } from "react";

/** How long the second key of a sequence may take, in ms. */
const SEQUENCE_MS = 1_200;

type Handlers = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/** All that is bound on the page: a sequence of one place must not set off the single key of another. */
const bound = new Set<{ readonly current: Handlers }>();
const anywhere = (fits: (keys: string) => boolean): boolean =>
  [...bound].some(({ current }) => Object.keys(current).some(fits));

/** The key before this one, if it begins a sequence; each place asks about the same events, in turn. */
const progress = { event: null as KeyboardEvent | null, before: "", begun: "", begunAt: 0 };
function begunBefore(event: KeyboardEvent, name: string): string {
  if (progress.event !== event) {
    progress.event = event;
    progress.before = event.timeStamp - progress.begunAt < SEQUENCE_MS ? progress.begun : "";
    progress.begun = anywhere((keys) => keys.startsWith(`${name} `)) ? name : "";
    progress.begunAt = event.timeStamp;
  }
  return progress.before;
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  // A box to tick takes no letters.
  if (target instanceof HTMLInputElement && target.type === "checkbox") return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

const inOverlay = (): boolean => document.querySelector("[role=dialog],[role=alertdialog],[role=menu]") !== null;

/** Buttons and links act on Enter themselves. */
const actsOnEnter = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest("button, a[href], summary") !== null;

function nameOf(event: KeyboardEvent): string {
  const mod = event.metaKey || event.ctrlKey ? "mod+" : "";
  const key = event.key === "Escape" ? "esc" : event.key.toLowerCase();
  return mod + key;
}

/**
 * Calls the handler of the key that is pressed: `j`, `?`, `esc`, `mod+k`, or a sequence such as `g i`.
 * Keys without `mod` do nothing while somebody types or a dialog is open.
 */
export function useKeys(handlers: Handlers, enabled = true): void {
  const latest = useRef(handlers);
  useEffect(() => {
    latest.current = handlers;
  });
  useEffect(() => {
    if (!enabled) return;
    bound.add(latest);
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey || event.isComposing) return;
      const name = nameOf(event);
      const global = name.startsWith("mod+");
      if (!global && (isTyping(event.target) || inOverlay())) return;
      if (name === "enter" && actsOnEnter(event.target)) return;
      const before = begunBefore(event, name);
      const sequence = before && `${before} ${name}`;
      const ends = sequence !== "" && anywhere((keys) => keys === sequence);
      const begins = anywhere((keys) => keys.startsWith(`${name} `));
      const handler = ends ? latest.current[sequence] : begins ? undefined : latest.current[name];
      if (!handler) return;
      event.preventDefault();
      handler(event);
    };
    window.addEventListener("keydown", press);
    return () => {
      bound.delete(latest);
      window.removeEventListener("keydown", press);
    };
  }, [enabled]);
}
