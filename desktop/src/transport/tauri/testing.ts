// Rust for tests: it answers commands as it is told, and tells the window what the test says.
import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import { onTestFinished } from "vitest";
import { TauriTransport } from "../tauri";
import type { Answer, Beginning, Message } from "./messages";

type Arguments = Record<string, unknown>;

interface Internals {
  runCallback(id: number, data: { index: number; message: unknown }): void;
}

/** The other side of the window's commands. */
export class PlayedRust {
  readonly calls: { command: string; args: Arguments }[] = [];
  beginning: Beginning = { gateway: "http://127.0.0.1:8080", session: { state: "signedIn" } };
  /** Answers commands; throwing is what Rust answers instead. What is not named here answers nothing. */
  readonly answers: Record<string, (args: Arguments) => unknown> = {};
  #channels: number[] = [];
  #sent = new Map<number, number>();

  constructor() {
    mockIPC(async (command, payload) => {
      const args = payload as Arguments;
      this.calls.push({ command, args });
      const answer = await this.answers[command]?.(args);
      if (command !== "attach") return answer;
      this.#channels.push((args.messages as { id: number }).id);
      return answer ?? this.beginning;
    });
    onTestFinished(clearMocks);
  }

  /** Opens a window and waits until it has begun. */
  attached(): Promise<TauriTransport> {
    return TauriTransport.attached();
  }

  /** Tells a window something: the one that attached last, unless `channel` counts another. */
  async tell(messages: readonly Message[], channel = this.#channels.length - 1): Promise<void> {
    const id = this.#channels[channel];
    if (id === undefined) throw new Error("no window has attached");
    const index = this.#sent.get(id) ?? 0;
    this.#sent.set(id, index + 1);
    (window as unknown as { __TAURI_INTERNALS__: Internals }).__TAURI_INTERNALS__.runCallback(id, {
      index,
      message: messages,
    });
    await settled();
  }

  /** Arguments of every call of a command. */
  of(command: string): Arguments[] {
    return this.calls.filter((call) => call.command === command).map((call) => call.args);
  }

  /** An answer of the gateway, as Rust passes it on. */
  reply(status: number, body: unknown, etag: string | null = null): Answer {
    return { status, body: JSON.stringify(body), etag };
  }
}

/** Lets everything happen that waits for nothing but its turn. */
export const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
