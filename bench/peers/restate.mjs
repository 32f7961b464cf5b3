// Restate: one node with its defaults (24 partitions, write-ahead log with fsync), its data in a folder of its own.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as restate from "@restatedev/restate-sdk";
import { BODY, now, RUNS, SPAN, tell, timeStarts } from "./common.mjs";

const require = createRequire(import.meta.url);
const version = require("@restatedev/restate-server/package.json").version;
const platform = `${process.platform}-${process.arch}`;
const binary = join(
  dirname(require.resolve(`@restatedev/restate-server-${platform}/package.json`)),
  "bin/restate-server",
);

/** A port that was free a moment ago. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function post(url, body) {
  const reply = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`${url} answered ${reply.status}: ${await reply.text()}`);
  return reply.json();
}

async function until(what, tries = 300) {
  for (; tries > 0; tries--) {
    const done = await what().catch(() => undefined);
    if (done !== undefined) return done;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("Restate did not come up in 30 s");
}

const heard = new Map();
const bench = restate.service({
  name: "bench",
  handlers: {
    // Ends by the clock: nothing is replayed here, and a run as long as the span is the best case.
    steps: async (ctx, { until }) => {
      let steps = 0;
      for (; now() < until; steps++) await ctx.run(`step ${steps}`, () => BODY);
      return steps;
    },
    start: async (_ctx, mark) => {
      heard.get(mark)?.(now());
    },
  },
});

const [node, ingress, admin, fabric] = await Promise.all([1, 2, 3, 4].map(freePort));
await restate.serve({ services: [bench], port: node });
const folder = await mkdtemp(join(tmpdir(), "restate-bench-"));
const server = spawn(binary, ["--listen-mode", "tcp", "--base-dir", folder, "--node-name", "bench"], {
  stdio: "ignore",
  env: {
    ...process.env,
    DO_NOT_TRACK: "1",
    RUST_LOG: "error",
    RESTATE_BIND_ADDRESS: `127.0.0.1:${fabric}`,
    RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${fabric}`,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
  },
});
try {
  await until(() => post(`http://127.0.0.1:${admin}/deployments`, { uri: `http://127.0.0.1:${node}` }));
  const at = `http://127.0.0.1:${ingress}/bench`;
  await until(() => post(`${at}/steps`, { until: 0 }));
  const begun = now();
  const runs = Array.from({ length: RUNS }, () => post(`${at}/steps`, { until: begun + SPAN }));
  const steps = (await Promise.all(runs)).reduce((sum, steps) => sum + steps, 0);
  const rate = steps / ((now() - begun) / 1_000);
  const starts = await timeStarts((mark) => post(`${at}/start/send`, mark), heard);
  tell({ peer: "Restate", version, steps: rate, ...starts });
} finally {
  server.kill("SIGTERM");
  await new Promise((resolve) => server.once("exit", resolve));
  await rm(folder, { recursive: true, force: true });
}
process.exit(0);
