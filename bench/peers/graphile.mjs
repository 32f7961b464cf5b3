// graphile-worker: jobs on the same PostgreSQL as ours. It has no steps within a job.
import { createRequire } from "node:module";
import { Logger, run } from "graphile-worker";
import pg from "pg";
import { now, RUNS, tell, timeStarts } from "./common.mjs";

const { version } = createRequire(import.meta.url)("graphile-worker/package.json");
const [connectionString] = process.argv.slice(2);
const heard = new Map();
const pool = new pg.Pool({ connectionString, max: 24 });
pool.on("error", (error) => console.error(error));
pool.on("connect", (client) => client.on("error", (error) => console.error(error)));
const quiet = { debug() {}, info() {}, warn: console.warn, error: console.error };
const runner = await run({
  pgPool: pool,
  concurrency: RUNS,
  noHandleSignals: true,
  logger: new Logger(() => (level, message) => quiet[level]?.(message)),
  taskList: {
    start: async (mark) => {
      heard.get(mark)?.(now());
    },
  },
});
const starts = await timeStarts((mark) => runner.addJob("start", mark), heard);
await runner.stop();
await pool.end();
tell({ peer: "graphile-worker", version, ...starts });
