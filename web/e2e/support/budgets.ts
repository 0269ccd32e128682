// SPDX-License-Identifier: Apache-2.0
/** What a journey measures, printed beside what it may be. */
import { expect } from "@playwright/test";

/**
 * Sizes and pixels are the same everywhere and always held to their limit. Times depend on what else
 * the machine does: they are printed, and held to theirs where this is asked for.
 */
const TIMES_HELD = process.env["ESTAFETTE_BUDGETS"] === "enforce";

export function budget(what: string, measured: number, limit: number, unit: "ms" | "kB" | "MB" | "px"): void {
  const over = measured > limit ? " OVER" : "";
  console.log(`budget: ${what}: ${measured.toFixed(unit === "ms" ? 0 : 1)} ${unit} (limit ${limit} ${unit})${over}`);
  expect.soft(Number.isFinite(measured), `${what} was measured`).toBe(true);
  if (unit !== "ms" || TIMES_HELD) expect.soft(measured, what).toBeLessThanOrEqual(limit);
}
