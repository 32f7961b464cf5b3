// What the page does for the window around it.
import { useAppearance } from "~/shared/stores/appearance";
import { ask } from "~/transport/tauri/messages";

/** Has the frame of the desktop window follow the theme, now and after every change. */
export function dressWindow(): void {
  const dress = (theme: string) => {
    // A system whose frames have one look keeps it.
    void ask<void>("set_theme", { theme }).catch(() => undefined);
  };
  dress(useAppearance.getState().theme);
  useAppearance.subscribe((now, before) => {
    if (now.theme !== before.theme) dress(now.theme);
  });
}
