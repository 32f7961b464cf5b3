// Form fields: label, control, hint and what is wrong, tied together for those who listen.
import { type ComponentProps, type ReactNode, useId } from "react";
import { cn } from "./cn";

const CONTROL =
  "w-full rounded-control border border-edge bg-raised px-2.5 text-sm text-text transition-colors duration-[120ms] hover:border-muted aria-invalid:border-bad disabled:cursor-not-allowed disabled:opacity-60";

interface FieldProps {
  label: string;
  /** Shown beneath; replaced by nothing, so that the form does not jump. */
  hint?: ReactNode;
  /** What is wrong and what would be right. */
  error?: string | undefined;
  /** At the right of the label: `optional`, a count. */
  aside?: ReactNode;
  className?: string;
  children: (control: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}

export function Field({ label, hint, error, aside, className, children }: FieldProps) {
  const id = useId();
  const described = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div className={cn("flex flex-col gap-1.5", className)}>
      <div className="flex items-baseline justify-between gap-3">
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {aside ? <span className="text-faint text-xs">{aside}</span> : null}
      </div>
      {children({
        id,
        ...(described ? { "aria-describedby": described } : {}),
        ...(error ? { "aria-invalid": true as const } : {}),
      })}
      {hint ? (
        <p id={`${id}-hint`} className="text-muted text-xs">
          {hint}
        </p>
      ) : null}
      {error ? (
        <p id={`${id}-error`} role="alert" className="text-bad-text text-xs">
          {error}
        </p>
      ) : null}
    </div>
  );
}

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={cn(CONTROL, "h-8", className)} autoComplete="off" {...rest} />;
}

export function Textarea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea className={cn(CONTROL, "min-h-20 resize-y py-1.5 leading-[1.5]", className)} {...rest} />;
}

export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select className={cn(CONTROL, "h-8 appearance-auto", className)} {...rest} />;
}
