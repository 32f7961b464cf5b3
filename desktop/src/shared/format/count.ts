// Counts as people read them.

/** `310`, `1.2k`, `48k`, `2.1M`. */
export function short(count: number): string {
  if (count < 1_000) return String(count);
  if (count < 999_500) return `${digits(count / 1_000)}k`;
  return `${digits(count / 1_000_000)}M`;
}

const digits = (count: number): string => (count < 9.95 ? count.toFixed(1) : String(Math.round(count)));

/** `1 worker`, `1,204 characters`. */
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
