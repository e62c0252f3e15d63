import { defineConfig } from "@playwright/test";
import base from "../playwright.config.ts";

/** One scan after the other: each wants the whole machine. */
export default defineConfig({
  ...base,
  fullyParallel: false,
  workers: 1,
  timeout: 60 * 60_000,
  outputDir: "../../target/scan/failures",
  reporter: [["list"]],
  use: {
    ...base.use,
    // The proxy's certificate is made for one run, and nobody vouches for it.
    launchOptions: { ...base.use?.launchOptions, args: [...(base.use?.launchOptions?.args ?? []), "--ignore-certificate-errors"] },
  },
  projects: [{ name: "scan", testDir: ".", testMatch: "scan.ts" }],
});
