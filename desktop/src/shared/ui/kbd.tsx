// A key as it is printed on the keyboard.
import { cn } from "./cn";

const mac = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);

const SIGNS: Record<string, string> = mac
  ? { mod: "⌘", shift: "⇧", alt: "⌥", enter: "↵", esc: "esc" }
  : { mod: "Ctrl", shift: "Shift", alt: "Alt", enter: "↵", esc: "Esc" };

/** Keys of a combination: `mod+enter` becomes ⌘ ↵ or Ctrl ↵. */
export const keySigns = (keys: string): string[] => keys.split("+").map((key) => SIGNS[key] ?? key.toUpperCase());

/** Shows `keys` for the eye; screen readers get them from `aria-keyshortcuts` of the control. */
export function Kbd({ keys, className }: { keys: string; className?: string }) {
  return (
    <span aria-hidden className={cn("inline-flex items-center gap-0.5", className)}>
      {keySigns(keys).map((sign) => (
        <kbd
          key={sign}
          className="inline-flex h-[18px] min-w-[18px] items-center justify-center rounded-[4px] border border-current/25 px-1 font-sans text-[11px] leading-none"
        >
          {sign}
        </kbd>
      ))}
    </span>
  );
}
