// Binds single keys and two-key sequences, and stays out of the way of typing and of dialogs.
import { useEffect, useRef } from "react";

/** How long the second key of a sequence may take, in ms. */
const SEQUENCE_MS = 1_200;

type Handlers = Readonly<Record<string, (event: KeyboardEvent) => void>>;

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
    let first = "";
    let firstAt = 0;
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey || event.isComposing) return;
      const name = nameOf(event);
      const global = name.startsWith("mod+");
      if (!global && (isTyping(event.target) || inOverlay())) return;
      if (name === "enter" && actsOnEnter(event.target)) return;
      const sequence = event.timeStamp - firstAt < SEQUENCE_MS ? `${first} ${name}` : "";
      const handler = latest.current[sequence] ?? (latest.current[name] as Handlers[string] | undefined);
      const begins = Object.keys(latest.current).some((keys) => keys.startsWith(`${name} `));
      first = begins ? name : "";
      firstAt = begins ? event.timeStamp : 0;
      if (!handler || (sequence === "" && begins)) return;
      event.preventDefault();
      handler(event);
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [enabled]);
}
