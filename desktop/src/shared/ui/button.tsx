// Buttons: verbs that say what happens. One accent per screen, for the one thing to do next.
import { Slot } from "radix-ui";
import type { ComponentProps } from "react";
import { cn } from "./cn";
import { Kbd } from "./kbd";

const LOOKS = {
  primary:
    "bg-accent-fill text-on-accent shadow-panel hover:bg-accent-fill-hover active:brightness-95 disabled:hover:bg-accent-fill",
  plain: "border border-edge/60 bg-raised text-text shadow-panel hover:bg-hover active:bg-press",
  quiet: "text-muted hover:bg-hover hover:text-text active:bg-press",
  danger: "border border-bad/50 bg-raised text-bad-text hover:bg-bad-soft active:bg-press",
  destroy: "bg-bad-fill text-on-accent hover:brightness-110 active:brightness-95",
} as const;

const SIZES = { md: "h-8 gap-2 px-3", sm: "h-[26px] gap-1.5 px-2 text-xs", icon: "size-7 justify-center" } as const;

interface ButtonProps extends ComponentProps<"button"> {
  look?: keyof typeof LOOKS;
  size?: keyof typeof SIZES;
  /** Key that does the same, shown on the button. The caller binds it. */
  hotkey?: string;
  /** True while what it started is under way: it stays focusable and says so. */
  busy?: boolean;
  /** Renders the only child (a link) as the button. */
  asChild?: boolean;
}

export function Button(props: ButtonProps) {
  const { look = "plain", size = "md", hotkey, busy = false, asChild = false, className, children, ...rest } = props;
  const classes = cn(
    "inline-flex shrink-0 select-none items-center justify-center whitespace-nowrap rounded-control font-medium transition-colors duration-[120ms] ease-out",
    "disabled:cursor-not-allowed disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:stroke-[1.5]",
    LOOKS[look],
    SIZES[size],
    className,
  );
  const shortcut = hotkey?.replace("mod", "Control").replace("enter", "Enter").replace("esc", "Escape");
  if (asChild) {
    return (
      <Slot.Root className={classes} aria-keyshortcuts={shortcut} {...rest}>
        <Slot.Slottable>{children}</Slot.Slottable>
        {hotkey ? <Kbd keys={hotkey} className="-mr-1" /> : null}
      </Slot.Root>
    );
  }
  return (
    <button
      type="button"
      className={classes}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      aria-keyshortcuts={shortcut}
      {...rest}
      onClick={busy ? (event) => event.preventDefault() : rest.onClick}
    >
      {children}
      {hotkey ? <Kbd keys={hotkey} className="-mr-1" /> : null}
    </button>
  );
}
