// SPDX-License-Identifier: Apache-2.0
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  // Long enough for a busy machine: what is wrong is told by what is expected, not by the time it takes.
  test: {
    include: ["src/**/*.test.{ts,tsx}", "tools/**/*.test.ts"], environment: "node", testTimeout: 120_000, hookTimeout: 120_000,
    setupFiles: ["tools/seeded-chance.ts"],
    expect: { poll: { timeout: 60_000 } },
  },
});
