// Menus of a button: a choice of one, and the parts that menus are made of.
import { Check, ChevronRight } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { cn } from "./cn";

// A transition, not an animation: one that has not begun when a menu is closed keeps it on the page for ever.
const CONTENT =
  "z-40 max-h-[min(420px,var(--radix-dropdown-menu-content-available-height))] min-w-48 max-w-80 overflow-auto transition-opacity duration-[120ms] starting:opacity-0 rounded-panel border bg-overlay p-1 shadow-overlay";
const ITEM =
  "flex h-8 cursor-default select-none items-center gap-2.5 rounded-control px-2 outline-none data-[disabled]:opacity-50 data-[highlighted]:bg-hover [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:stroke-[1.5]";

/** Menus are put into the screen, so that they are a part of its landmark. */
const screenElement = (): HTMLElement | null => document.getElementById("screen");

interface MenuProps {
  /** The button that opens it. */
  trigger: ReactNode;
  open?: boolean | undefined;
  onOpenChange?: ((open: boolean) => void) | undefined;
  align?: "start" | "end";
  children: ReactNode;
}

export function Menu({ trigger, open, onOpenChange, align = "start", children }: MenuProps) {
  return (
    <DropdownMenu.Root
      modal={false}
      {...(open === undefined ? {} : { open })}
      {...(onOpenChange ? { onOpenChange } : {})}
    >
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal container={screenElement()}>
        <DropdownMenu.Content align={align} sideOffset={4} collisionPadding={8} className={CONTENT}>
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export function SubMenu({ icon, label, children }: { icon?: ReactNode; label: string; children: ReactNode }) {
  return (
    <DropdownMenu.Sub>
      <DropdownMenu.SubTrigger className={cn(ITEM, "data-[state=open]:bg-hover")}>
        {icon}
        {label}
        <ChevronRight aria-hidden className="ml-auto text-faint" />
      </DropdownMenu.SubTrigger>
      <DropdownMenu.Portal container={screenElement()}>
        <DropdownMenu.SubContent sideOffset={2} collisionPadding={8} className={CONTENT}>
          {children}
        </DropdownMenu.SubContent>
      </DropdownMenu.Portal>
    </DropdownMenu.Sub>
  );
}

interface MenuItemProps {
  icon?: ReactNode;
  /** Shown with a tick. */
  checked?: boolean;
  disabled?: boolean;
  onSelect: () => void;
  children: ReactNode;
}

export function MenuItem({ icon, checked = false, disabled = false, onSelect, children }: MenuItemProps) {
  return (
    <DropdownMenu.Item disabled={disabled} onSelect={onSelect} className={ITEM}>
      {icon}
      <span className="min-w-0 truncate">{children}</span>
      {checked ? <Check aria-label="chosen" className="ml-auto text-accent-text" /> : null}
    </DropdownMenu.Item>
  );
}

export const MenuLine = () => <DropdownMenu.Separator className="my-1 border-t" />;

export function MenuNote({ children }: { children: ReactNode }) {
  return <p className="px-2 py-1.5 text-muted text-xs">{children}</p>;
}

export interface PickerOption<Value extends string> {
  readonly value: Value;
  readonly label: string;
  readonly icon?: ReactNode;
  readonly disabled?: boolean;
}

interface PickerProps<Value extends string> {
  /** What is picked: `Priority`. */
  label: string;
  options: readonly PickerOption<Value>[];
  value: Value;
  onPick: (value: Value) => void;
  open?: boolean | undefined;
  onOpenChange?: ((open: boolean) => void) | undefined;
  hotkey?: string;
  disabled?: boolean;
  className?: string;
  children: ReactNode;
}

/** A value that is changed by picking another from a menu. */
export function Picker<Value extends string>(props: PickerProps<Value>) {
  const { label, options, value, onPick, open, onOpenChange, hotkey, disabled, className, children } = props;
  return (
    <Menu
      open={open}
      onOpenChange={onOpenChange}
      trigger={
        <button
          type="button"
          aria-label={label}
          aria-keyshortcuts={hotkey}
          disabled={disabled}
          className={cn(INLINE, className)}
        >
          {children}
        </button>
      }
    >
      <DropdownMenu.RadioGroup value={value} onValueChange={(next) => onPick(next as Value)}>
        {options.map((option) => (
          <DropdownMenu.RadioItem
            key={option.value}
            value={option.value}
            disabled={option.disabled ?? false}
            className={ITEM}
          >
            {option.icon}
            <span className="min-w-0 truncate">{option.label}</span>
            <DropdownMenu.ItemIndicator className="ml-auto text-accent-text">
              <Check aria-hidden />
            </DropdownMenu.ItemIndicator>
          </DropdownMenu.RadioItem>
        ))}
      </DropdownMenu.RadioGroup>
    </Menu>
  );
}

/** A value in a list of facts that can be pressed to change it. */
export const INLINE =
  "-mx-1.5 inline-flex min-h-[26px] max-w-full items-center gap-2 rounded-control px-1.5 text-left hover:bg-hover disabled:hover:bg-transparent data-[state=open]:bg-press";
