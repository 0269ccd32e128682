// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from "@playwright/test";

/** BASE_URL: a running server. ESTAFETTE_SERVER_CMD: how to start one, when BASE_URL is absent. */
export const baseURL = process.env["BASE_URL"] ?? "http://localhost:8008";

export default defineConfig({
  testDir: "./e2e/journeys",
  globalSetup: "./e2e/support/server.ts",
  outputDir: "./test-results/output",
  // Bounds for a machine that is slow and busy: none of them is a measure of anything.
  timeout: 900_000,
  expect: { timeout: 60_000 },
  workers: 1,
  reporter: [["list"], ["./e2e/support/unstable.ts"]],
  use: {
    baseURL,
    locale: "fr-FR",
    timezoneId: "Europe/Paris",
    viewport: { width: 1280, height: 800 },
    actionTimeout: 60_000,
    launchOptions: {
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
      ],
    },
  },
});
