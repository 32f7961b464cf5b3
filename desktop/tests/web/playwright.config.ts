// Drives the web page in a browser against a whole system, which scripts/ui.sh starts and stops.
import { defineConfig } from "@playwright/test";
import { setting } from "./system";

export default defineConfig({
  testDir: ".",
  outputDir: `${setting("MC_E2E_OUTPUT")}/results`,
  // Every test has a workspace of its own, so that they may run side by side; two, as they share two cores with the system.
  workers: 2,
  fullyParallel: true,
  projects: [
    { name: "screens", testIgnore: "crash.spec.ts" },
    { name: "crashes", testMatch: "crash.spec.ts", dependencies: ["screens"] },
  ],
  forbidOnly: process.env.CI === "true",
  timeout: 150_000,
  expect: { timeout: 30_000 },
  reporter: [["list"], ["json", { outputFile: `${setting("MC_E2E_OUTPUT")}/report.json` }]],
  use: {
    baseURL: setting("MC_E2E_URL"),
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    timezoneId: "UTC",
    colorScheme: "light",
    actionTimeout: 30_000,
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: setting("MC_CHROMIUM"),
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"],
    },
  },
});
