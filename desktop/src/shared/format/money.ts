// Money as people read it. The wire has nano US dollars in decimal strings; unknown is never shown as nothing.

const NANO = 1_000_000_000;

/** `$14.20`, `$0.0031`, `$0.00`; small sums keep two significant digits. `estimated` puts `~` in front. */
export function usd(nano: string | number | undefined, { estimated = false } = {}): string {
  if (nano === undefined) return "unknown";
  const dollars = Number(nano) / NANO;
  if (!Number.isFinite(dollars)) return "unknown";
  const size = Math.abs(dollars);
  if (size > 0 && size < 1e-6) return "<$0.000001";
  const digits = size === 0 || size >= 0.1 ? 2 : Math.min(6, 1 - Math.floor(Math.log10(size)));
  return `${estimated ? "~" : ""}${dollars < 0 ? "-" : ""}$${size.toFixed(digits)}`;
}

/** A sum of which some parts are unknown: `$0.41`, `at least $0.41`, `unknown`. */
export function usdSum(
  knownNano: string,
  unknownParts: number,
  allParts = Number.NaN,
  { estimated = false } = {},
): string {
  if (unknownParts === 0) return usd(knownNano, { estimated });
  return unknownParts === allParts || knownNano === "0" ? "unknown" : `at least ${usd(knownNano, { estimated })}`;
}
