// What Rust and this window say to each other: the other half is src-tauri/src/commands and src-tauri/src/window.rs.
import { type InvokeArgs, invoke } from "@tauri-apps/api/core";
import { z } from "zod";
import { Problem as ProblemBody } from "~/api/gen/schemas";
import { Problem } from "~/api/problem";
import type { Connection, LostCause, Session } from "../types";

/** How the connection stands, with the time of the next attempt counted from now. */
export type ConnectionMessage =
  | Exclude<Connection, { state: "waiting" }>
  | { readonly state: "waiting"; readonly cause: LostCause; readonly attempt: number; readonly retryInMs: number };

/** A frame of the gateway as it came, for the watch of that number. After the `last` one that watch is over. */
export interface FrameMessage {
  readonly type: "frame";
  readonly watch: number;
  readonly frame: unknown;
  readonly last: boolean;
}

/** What Rust tells this window. Messages come in batches, in order. */
export type Message =
  | { readonly type: "session"; readonly session: Session }
  | { readonly type: "connection"; readonly connection: ConnectionMessage }
  | { readonly type: "noticeAction"; readonly notice: string; readonly action: string }
  | FrameMessage;

/** What a window begins with. */
export interface Beginning {
  readonly gateway: string;
  readonly session: Session;
}

/** An answer of the gateway, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly etag: string | null;
  readonly body: string;
}

/** Rust's own problems have no request, and so neither type nor title nor instance. */
const none = z.string().default("");
const Failure = ProblemBody.extend({ type: none, title: none, instance: none });

/** Calls a command. Rejects with a `Problem`. */
export async function ask<Result>(command: string, args?: InvokeArgs): Promise<Result> {
  try {
    return await invoke<Result>(command, args);
  } catch (thrown) {
    const failure = Failure.safeParse(thrown);
    if (!failure.success) throw new Problem({ reason: "UNEXPECTED", status: 0, detail: String(thrown) }, thrown);
    throw new Problem(failure.data);
  }
}
