// A dialog over the screen: it takes the focus, Esc closes it, and the focus goes back to where it was.
import { X } from "lucide-react";
import { Dialog as Radix, VisuallyHidden } from "radix-ui";
import { type ReactNode, useState } from "react";
import { cn } from "./cn";

interface DialogProps {
  title: string;
  /** Read out with the title; shown under it unless `bare`. */
  description?: string;
  onClose: () => void;
  /** Leaves the title to the ear, for dialogs that begin with a field. */
  bare?: boolean;
  className?: string;
  children: ReactNode;
}

export function Dialog({ title, description, onClose, bare = false, className, children }: DialogProps) {
  const before = useFocused();
  const head = (
    <>
      <Radix.Title className="font-semibold text-lg">{title}</Radix.Title>
      {description ? <Radix.Description className="mt-1 text-muted">{description}</Radix.Description> : null}
    </>
  );
  return (
    <Radix.Root open onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 animate-appear bg-scrim" />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          onCloseAutoFocus={(event) => {
            // Radix gives the focus to the button that opens a dialog; these are opened by keys from anywhere.
            event.preventDefault();
            before?.focus();
          }}
          className={cn(
            "fixed top-[14vh] left-1/2 z-50 max-h-[76vh] w-[min(640px,calc(100vw-32px))] -translate-x-1/2 animate-rise overflow-auto rounded-panel border bg-overlay shadow-overlay focus-visible:outline-none",
            bare ? "" : "p-5",
            className,
          )}
        >
          {bare ? <VisuallyHidden.Root>{head}</VisuallyHidden.Root> : <div className="mb-4 pr-8">{head}</div>}
          {children}
          {bare ? null : (
            <Radix.Close
              aria-label="Close"
              className="absolute top-4 right-4 grid size-7 place-items-center rounded-control text-muted hover:bg-hover hover:text-text"
            >
              <X aria-hidden className="size-4 stroke-[1.5]" />
            </Radix.Close>
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** What had the focus when this was first rendered. */
function useFocused(): HTMLElement | null {
  const [focused] = useState(() => document.activeElement);
  return focused instanceof HTMLElement ? focused : null;
}
