// Copies a text, and says that it did.
import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { toast } from "sonner";
import { cn } from "~/shared/ui/cn";

/** Copies `text`; tells why where that is not possible. True when it worked. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    toast.error("Not copied: this browser does not let pages use the clipboard here. Select the text instead.");
    return false;
  }
}

interface CopyButtonProps {
  /** What it copies: `Copy the answer`. */
  label: string;
  text: string | (() => Promise<string>);
  className?: string;
  children?: string;
}

export function CopyButton({ label, text, className, children }: CopyButtonProps) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1_600);
    return () => clearTimeout(timer);
  }, [done]);
  const press = async () => setDone(await copy(typeof text === "string" ? text : await text()));
  const Icon = done ? Check : Copy;
  return (
    <button
      type="button"
      aria-label={done ? "Copied" : label}
      title={label}
      onClick={() => void press()}
      className={cn(
        "inline-flex h-6 min-w-6 items-center justify-center gap-1.5 rounded-control px-1 text-muted text-xs hover:bg-hover hover:text-text",
        className,
      )}
    >
      <Icon aria-hidden className="size-3.5 stroke-[1.5]" />
      {children ? (done ? "Copied" : children) : null}
    </button>
  );
}
