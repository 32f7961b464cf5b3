// Prints the table of what was measured: table.mjs <file with a line of JSON for each>. Ours is the first line.
import { readFileSync } from "node:fs";

const [ours, ...peers] = readFileSync(process.argv[2], "utf8").trim().split("\n").map((line) => JSON.parse(line));
const times = (ratio) => (Number.isFinite(ratio) ? `${ratio.toFixed(ratio < 10 ? 1 : 0)} x` : "-");
const rate = (steps) => (steps === undefined ? "none" : Math.round(steps).toLocaleString("en"));
const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);

row("engine", "durable steps/s", "ours is", "start p50 / p99, ms", "theirs takes, p50 / p99");
row("---", "---", "---", "---", "---");
for (const one of [ours, ...peers]) {
  const them = one !== ours;
  row(
    `${one.peer} ${one.version}`,
    rate(one.steps),
    them ? times(ours.steps / one.steps) : "",
    `${one.p50.toFixed(1)} / ${one.p99.toFixed(1)}`,
    them ? `${times(one.p50 / ours.p50)} / ${times(one.p99 / ours.p99)}` : "",
  );
}
