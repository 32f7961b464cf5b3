// What goes wrong, as one type: RFC 9457 problems of the edge, and what happens before an answer arrives.
import { type FieldProblem, Problem as ProblemBody } from "./gen/schemas";

/** Reasons that arise on this side of the wire. All others are the edge's. */
export const LocalReason = {
  /** This machine has no network. */
  offline: "NETWORK_OFFLINE",
  /** Nothing answers at the gateway's address, or what answers is not a gateway. */
  unreachable: "GATEWAY_UNREACHABLE",
  /** The answer does not fit the contract of this build. */
  unreadable: "ANSWER_UNREADABLE",
  /** There is no session any more. */
  signedOut: "SIGNED_OUT",
} as const;

/** A request that failed. Switch on `reason`, never on the text. */
export class Problem extends Error {
  override readonly name = "Problem";
  /** What happened, for programs. */
  readonly reason: string;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Id of the request in the logs; empty when there was no answer. */
  readonly instance: string;
  /** Fields that are wrong, by their path in the request. */
  readonly violations: readonly FieldProblem[];
  /** Facts for programs. */
  readonly metadata: Readonly<Record<string, string>>;
  /** When trying again is worth it, in seconds; null when it is not known. */
  readonly retryAfterSeconds: number | null;

  constructor(body: Pick<ProblemBody, "reason" | "detail" | "status"> & Partial<ProblemBody>, cause?: unknown) {
    super(body.detail, cause === undefined ? undefined : { cause });
    this.reason = body.reason;
    this.status = body.status;
    this.instance = body.instance ?? "";
    this.violations = body.violations ?? [];
    this.metadata = body.metadata ?? {};
    this.retryAfterSeconds = body.retryAfterSeconds ?? null;
  }

  /** What happened and what to do, for people. */
  get detail(): string {
    return this.message;
  }

  /** True when the same request may succeed later as it is. */
  get transient(): boolean {
    return this.status === 0 ? this.reason !== LocalReason.unreadable : [408, 429, 502, 503, 504].includes(this.status);
  }

  /** Reads the body of an answer that is not 2xx; proxies answer in HTML, and are told apart from the edge. */
  static from(status: number, body: unknown): Problem {
    const parsed = ProblemBody.safeParse(body);
    if (parsed.success) return new Problem(parsed.data);
    return new Problem({
      reason: LocalReason.unreachable,
      status,
      detail: `The gateway answered ${status} without saying why; it may be starting or behind a proxy. Nothing was lost; try again.`,
    });
  }
}

/** Makes a Problem of anything that was thrown. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return new Problem({ reason: "UNEXPECTED", status: 0, detail }, thrown);
}
