// Calls over fetch: headers, problems, and one repetition after a renewed session.
import { LocalReason, Problem } from "~/api/problem";
import { parseReply, problemOfReply } from "../reply";
import type { Method, Reply, RequestOptions } from "../types";
import type { Environment } from "./environment";
import type { BrowserSession } from "./session";

/** A call gets this long, in ms; the edge gives up after 30 s itself. */
const TIMEOUT_MS = 40_000;

function headersOf(body: unknown, options: RequestOptions, bearer: string | null): Headers {
  const headers = new Headers({ Accept: "application/json" });
  if (body !== undefined) headers.set("Content-Type", "application/json");
  if (bearer) headers.set("Authorization", `Bearer ${bearer}`);
  if (options.idempotencyKey) headers.set("Idempotency-Key", options.idempotencyKey);
  if (options.ifMatch) headers.set("If-Match", options.ifMatch);
  return headers;
}

/** Sends one request as it is. Rejects with a Problem, or with the signal's reason. */
export async function send(
  environment: Environment,
  method: Method,
  path: string,
  body: unknown,
  options: RequestOptions,
  bearer: string | null,
): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  let response: Response;
  try {
    response = await environment.fetch(`${environment.origin}${path}`, {
      method,
      headers: headersOf(body, options, bearer),
      signal,
      cache: "no-store",
      credentials: "omit",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (thrown) {
    if (options.signal?.aborted) throw options.signal.reason;
    throw unanswered(environment, thrown);
  }
  if (response.ok) return response;
  throw problemOfReply(response.status, await response.text().catch(() => ""));
}

function unanswered(environment: Environment, cause: unknown): Problem {
  if (!environment.online()) {
    const detail =
      "This machine has no network. What you see stays readable; it is tried again when the network is back.";
    return new Problem({ reason: LocalReason.offline, status: 0, detail }, cause);
  }
  const where = environment.origin || "the gateway";
  const detail = `Nothing answers at ${where}. Start Mission Control with "./mc up", or check the address. Nothing was lost.`;
  return new Problem({ reason: LocalReason.unreachable, status: 0, detail }, cause);
}

/** Sends a request with the session's bearer; a refused bearer is renewed and the request repeated, once. */
export async function sendSignedIn(
  environment: Environment,
  session: BrowserSession,
  method: Method,
  path: string,
  body: unknown,
  options: RequestOptions,
): Promise<Response> {
  const bearer = await session.bearer();
  try {
    return await send(environment, method, path, body, options, bearer);
  } catch (thrown) {
    if (!(thrown instanceof Problem) || thrown.status !== 401) throw thrown;
    return send(environment, method, path, body, options, await session.renew(bearer));
  }
}

/** Reads a JSON answer. */
export async function replyOf(response: Response): Promise<Reply> {
  const body = parseReply(response.status, await response.text());
  return { status: response.status, body, etag: response.headers.get("ETag") };
}
