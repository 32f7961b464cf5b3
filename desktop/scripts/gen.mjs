// Writes src/api/gen (Zod schemas, types, operations) from the edge's OpenAPI document and frame schema; `--check` only compares.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { operationsModule } from "./gen/operations.mjs";
import { framesModule, schemasModule } from "./gen/schemas.mjs";

const desktop = join(dirname(fileURLToPath(import.meta.url)), "..");
const gateway = join(desktop, "..", "gateway");
const target = join(desktop, "src", "api", "gen");
const read = (file) => JSON.parse(readFileSync(join(gateway, file), "utf8"));

const openapi = read("openapi.json");
const files = {
  "schemas.ts": schemasModule(openapi),
  "operations.ts": operationsModule(openapi),
  "frames.ts": framesModule(read("ws-frames.schema.json"), openapi),
};

/** Formats sources the way the rest of the code is, so that what is committed reads well and is stable. */
function formatted(sources) {
  const folder = mkdtempSync(join(desktop, "src", "api", ".gen-"));
  try {
    for (const [name, text] of Object.entries(sources)) writeFileSync(join(folder, name), text);
    const biome = join(desktop, "node_modules", ".bin", "biome");
    execFileSync(
      biome,
      ["format", "--write", "--config-path", join(desktop, "scripts", "gen", "format.json"), folder],
      {
        stdio: ["ignore", "ignore", "inherit"],
      },
    );
    return Object.fromEntries(Object.keys(sources).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const result = formatted(files);
if (process.argv.includes("--check")) {
  const stale = Object.entries(result).filter(([name, text]) => {
    const path = join(target, name);
    return !existsSync(path) || readFileSync(path, "utf8") !== text;
  });
  if (stale.length > 0) {
    console.error(`src/api/gen is stale (${stale.map(([name]) => name).join(", ")}): run "npm run gen" and commit it.`);
    process.exit(1);
  }
} else {
  mkdirSync(target, { recursive: true });
  for (const [name, text] of Object.entries(result)) writeFileSync(join(target, name), text);
}
