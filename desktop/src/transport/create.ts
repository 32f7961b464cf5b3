// Picks the transport of this build.
import { BrowserTransport } from "./browser";
import type { Transport } from "./types";

/** True inside the desktop window, where Rust holds the tokens. */
export const inDesktopWindow = (): boolean => "__TAURI_INTERNALS__" in window;

/** The transport for where this runs. The desktop window's is loaded only there. */
export async function createTransport(): Promise<Transport> {
  if (!inDesktopWindow()) return new BrowserTransport();
  const { TauriTransport } = await import("./tauri");
  return TauriTransport.attached();
}
