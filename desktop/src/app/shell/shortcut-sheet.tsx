// The sheet of all keys, opened by `?`.
import { KEYS, type KeyBinding, SCOPES } from "~/shared/keyboard/keys";
import { Dialog } from "~/shared/ui/dialog";
import { Kbd } from "~/shared/ui/kbd";

export default function ShortcutSheet({ onClose }: { onClose: () => void }) {
  const all: readonly KeyBinding[] = Object.values(KEYS);
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose} className="w-[min(720px,calc(100vw-32px))]">
      <div className="columns-1 gap-8 sm:columns-2">
        {SCOPES.map((scope) => (
          <section key={scope} className="mb-5 break-inside-avoid">
            <h3 className="mb-1.5 font-medium text-muted text-xs">{scope}</h3>
            <ul>
              {all
                .filter((binding) => binding.scope === scope)
                .map((binding) => (
                  <li key={binding.does} className="flex h-7 items-center justify-between gap-4">
                    {binding.does}
                    <Keys keys={binding.keys} />
                  </li>
                ))}
            </ul>
          </section>
        ))}
      </div>
    </Dialog>
  );
}

/** A combination, or a sequence of two. */
function Keys({ keys }: { keys: string }) {
  return (
    <span className="flex items-center gap-1 text-muted">
      <span className="sr-only">{keys}</span>
      {keys.split(" ").map((part) => (
        <Kbd key={part} keys={part} />
      ))}
    </span>
  );
}
