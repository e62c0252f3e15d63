import { defineConfig } from "@playwright/test";

/** Where the browser is. Debian's package by default; nothing is ever downloaded. */
const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

export default defineConfig({
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: process.env["CI"] !== undefined,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  outputDir: "test-results",
  reporter: [["list"], ["json", { outputFile: "test-results/report.json" }], ["./support/count-reporter.ts"]],
  use: {
    locale: "en-GB",
    timezoneId: "UTC",
    viewport: { width: 1280, height: 800 },
    actionTimeout: 15_000,
    navigationTimeout: 20_000,
    screenshot: "only-on-failure",
    // `TRACE=1 npm test` keeps a recording of each failed test; it costs a third of the time.
    trace: process.env["TRACE"] === undefined ? "off" : "retain-on-failure",
    launchOptions: {
      executablePath,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    { name: "suite", testDir: "tests", teardown: "looking back" },
    { name: "looking back", testDir: ".", testMatch: ["api-coverage.ts", "logs.ts"] },
    { name: "screenshots", testDir: ".", testMatch: "screenshots.ts" },
  ],
});
