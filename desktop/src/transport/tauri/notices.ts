// Messages of the operating system, shown by Rust while nobody looks at a window of ours.
import type { Notice, Notifications } from "../types";
import { ask } from "./messages";

type Listener = (noticeId: string, actionId: string) => void;

/** The desktop's own notices: they need no permission, and have buttons where the system has them. */
export class Notices implements Notifications {
  readonly #listeners = new Set<Listener>();

  async allow(): Promise<boolean> {
    return true;
  }

  async show(notice: Notice): Promise<void> {
    await ask<boolean>("show_notice", { notice });
  }

  async withdraw(id: string): Promise<void> {
    await ask<void>("withdraw_notice", { id });
  }

  onAction(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Somebody chose an action of a notice. */
  chosen(notice: string, action: string): void {
    for (const listener of [...this.#listeners]) listener(notice, action);
  }
}
