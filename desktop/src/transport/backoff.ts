// How long to wait before the next attempt: exponential with full jitter, so that many clients do not come back at once.

/** Bounds in milliseconds. */
export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Before the first attempt at most `firstMs`, then twice as much each time, never more than `maxMs`; at least a quarter of that. */
export function backoffMs(attempt: number, random: () => number, limits: BackoffLimits): number {
  const ceiling = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(attempt - 1, 16));
  return Math.round(ceiling * (0.25 + 0.75 * random()));
}
