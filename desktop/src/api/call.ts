// Calls an operation of the contract over a transport, and reads its reply by its schema.
import { z } from "zod";
import type { Method, RequestOptions, Transport } from "~/transport/types";
import type { Operation } from "./operation";
import { LocalReason, Problem } from "./problem";

/** What an operation is called with. */
export interface CallInput<Query, Body> extends RequestOptions {
  /** Resource name that the path is about: `workspaces/w/tasks/t`, or the parent of what is listed or made. */
  readonly on?: string;
  readonly query?: Query;
  readonly body?: Body;
}

/** What came back, with the etag for `ifMatch`. */
export type Answer<Reply> = Reply & { readonly etag: string | null };

/** Fills the template's holes with the ids of a resource name, in order: both alternate collection and id. */
export function pathOf(template: string, on = ""): string {
  const ids = on.split("/").filter((_, index) => index % 2 === 1);
  const path = template.replace(/\{[^}]+\}/g, (hole) => {
    const id = ids.shift();
    if (!id) throw new Error(`${template}: "${on}" has nothing for ${hole}`);
    return encodeURIComponent(id);
  });
  if (ids.length > 0) throw new Error(`${template}: "${on}" names more than the path takes`);
  return path;
}

function queryOf(query: object | undefined): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === "") continue;
    for (const each of Array.isArray(value) ? value : [value]) search.append(key, String(each));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

/** Carries out one operation. Rejects with a `Problem`. */
export async function call<Query, Body, Schema extends z.ZodType>(
  transport: Transport,
  operation: Operation<Query, Body, Schema>,
  input: CallInput<Query, Body> = {},
): Promise<z.output<Schema>> {
  const { on, query, body, ...options } = input;
  const path = pathOf(operation.path, on) + queryOf(query as object | undefined);
  const anonymous = operation.permission === "public";
  const reply = await transport.request(operation.method as Method, path, body, { ...options, anonymous });
  const parsed = operation.reply.safeParse(reply.body);
  if (parsed.success) return parsed.data;
  const detail = `The answer of ${operation.id} does not fit this version of the app; reload to get the gateway's version. (${z.prettifyError(parsed.error)})`;
  throw new Problem({ reason: LocalReason.unreadable, status: reply.status, detail }, parsed.error);
}
