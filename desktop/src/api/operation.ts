// What the table of operations is made of; its types carry query, body and reply to the caller.
import type { z } from "zod";

/** What a request carries: a resource without the name, which the path has. */
export type Body<Schema extends z.ZodType> = Omit<z.input<Schema>, "name">;

/** Of calls that take no parameters. */
export type NoQuery = Record<never, never>;

/** One call of the edge. */
export interface Operation<Query, Body, Reply extends z.ZodType> {
  /** Name in the contract: `listTasks`. */
  readonly id: string;
  readonly method: string;
  /** Template: `/v1/workspaces/{workspace}/tasks`. */
  readonly path: string;
  /** What the caller's role must hold: `tasks.task.read`; `public` and `authenticated` stand for themselves. */
  readonly permission: string;
  /** True when an `Idempotency-Key` makes repeating it safe. */
  readonly keyed: boolean;
  /** Reads its reply. */
  readonly reply: Reply;
  /** Carries types only; never set. */
  readonly _types?: { query: Query; body: Body };
}

/** Gives an entry of the table its types. */
export const operation = <Query, Body, Reply extends z.ZodType>(
  spec: Omit<Operation<Query, Body, Reply>, "_types">,
): Operation<Query, Body, Reply> => spec;
