// Changing a part of a task where it stands: begun by its pencil, kept when somebody else changes the same meanwhile.
import { PencilLine } from "lucide-react";
import { type ReactNode, useState } from "react";
import { asProblem } from "~/api/problem";
import { Button } from "~/shared/ui/button";
import { whyNotThrown } from "./words";

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

interface InPlace<Value> {
  /** As it is now, whoever changed it. */
  value: Value;
  onSave: (value: Value) => Promise<unknown>;
  onClose: () => void;
}

export function useInPlace<Value>({ value, onSave, onClose }: InPlace<Value>) {
  const [begun] = useState(value);
  const [draft, setDraft] = useState(value);
  const [error, setError] = useState("");
  const [conflict, setConflict] = useState(false);
  const [busy, setBusy] = useState(false);
  const save = async (anyway = false) => {
    if (busy) return;
    if (same(draft, value)) return onClose();
    if (!anyway && !same(begun, value)) return setConflict(true);
    setBusy(true);
    setError("");
    try {
      await onSave(draft);
      onClose();
    } catch (thrown) {
      setBusy(false);
      if (asProblem(thrown).reason === "ETAG_MISMATCH") setConflict(true);
      else setError(whyNotThrown(thrown));
    }
  };
  return { draft, setDraft, error, conflict, busy, save, onClose };
}

interface InPlaceFormProps {
  /** What is changed: `Brief`. */
  label: string;
  edit: Pick<ReturnType<typeof useInPlace>, "error" | "conflict" | "busy" | "save" | "onClose">;
  /** Whether Enter alone saves, as in a field of one line. */
  enter?: boolean;
  children: ReactNode;
}

/** Field, what is wrong with it, and the ways out. Esc leaves it as it was. */
export function InPlaceForm({ label, edit, enter = false, children }: InPlaceFormProps) {
  const { error, conflict, busy, save, onClose } = edit;
  return (
    <form
      aria-label={label}
      className="space-y-2"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          event.preventDefault();
          event.stopPropagation();
          onClose();
        }
        if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
          event.preventDefault();
          void save();
        }
      }}
    >
      {children}
      {error ? (
        <p role="alert" className="text-bad-text text-xs">
          {error}
        </p>
      ) : null}
      {conflict ? (
        <div role="alert" className="space-y-2 rounded-panel border border-need/40 bg-need-soft px-3 py-2 text-xs">
          <p>
            Somebody has changed this while you were writing. Nothing is lost: yours is here, theirs is on the board.
          </p>
          <div className="flex gap-2">
            <Button size="sm" onClick={() => void save(true)}>
              Save mine over it
            </Button>
            <Button size="sm" look="quiet" onClick={onClose}>
              Take theirs
            </Button>
          </div>
        </div>
      ) : (
        <div className="flex gap-2">
          <Button type="submit" size="sm" look="primary" busy={busy} hotkey={enter ? "enter" : "mod+enter"}>
            {busy ? "Saving..." : "Save"}
          </Button>
          <Button size="sm" look="quiet" hotkey="esc" onClick={onClose}>
            Cancel
          </Button>
        </div>
      )}
    </form>
  );
}

/** The pencil at what can be changed; seen when it is pointed at or has the focus, and named always. */
export function Pencil({ label, hotkey, onClick }: { label: string; hotkey?: string; onClick: () => void }) {
  return (
    <Button
      size="icon"
      look="quiet"
      aria-label={label}
      title={hotkey ? `${label} (${hotkey.toUpperCase()})` : label}
      aria-keyshortcuts={hotkey}
      onClick={onClick}
      className="size-6 opacity-40 hover:opacity-100 focus-visible:opacity-100 group-hover:opacity-100 [&_svg]:size-3.5"
    >
      <PencilLine aria-hidden />
    </Button>
  );
}

/** What a change came to when it was refused. */
export function Refused({ error }: { error: unknown }) {
  if (!error) return null;
  return (
    <p role="alert" className="text-pretty break-words text-bad-text text-xs">
      {whyNotThrown(error)}
    </p>
  );
}
