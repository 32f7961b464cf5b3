// Drives the desktop window, which scripts/native.sh builds, against a whole system that it starts and stops.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/native/**/*.spec.ts"],
    environment: "node",
    // One window at a time: a second start of the program brings the first one to the front.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // What a test has changed, the next one begins with.
    bail: 1,
  },
});
