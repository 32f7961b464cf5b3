// What every peer in JavaScript does alike: the clock, the load, and how it tells what it measured.

/** Bytes of a step's result, as in ours. */
export const BODY = "x".repeat(2_000);
/** Runs that go on at once. */
export const RUNS = 128;
/** Milliseconds for which steps are counted. */
export const SPAN = 6_000;
/** Starts that are timed, and the milliseconds between two. */
const STARTS = 500;
const EVERY = 20;

/** Milliseconds, to the microsecond; one clock for all of this process. */
export const now = () => performance.now();

/**
 * Begins runs one by one and times each from before it is asked for until it says that it has begun.
 *
 * @param {(mark: string) => Promise<unknown>} start asks for a run that calls `begun(mark)` as the first thing it does
 * @returns {Promise<{ begun: (mark: string) => void, p50: number, p99: number }>}
 */
export async function timeStarts(start, heard) {
  const took = [];
  for (let index = 0; index < STARTS; index++) {
    const mark = `start-${index}`;
    const begun = new Promise((resolve) => heard.set(mark, resolve));
    const asked = now();
    await start(mark);
    took.push((await begun) - asked);
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
  took.sort((a, b) => a - b);
  return { p50: took[Math.floor(took.length / 2)], p99: took[Math.floor(took.length * 0.99)] };
}

/** Prints what was measured as one line for the table. */
export function tell(measured) {
  process.stdout.write(`${JSON.stringify(measured)}\n`);
}
