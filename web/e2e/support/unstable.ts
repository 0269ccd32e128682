// SPDX-License-Identifier: Apache-2.0
import { appendFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import type { Reporter, Suite } from "@playwright/test/reporter";

/** Writes a line for each journey that failed and then passed into the file that ESTAFETTE_UNSTABLE names. */
export default class Unstable implements Reporter {
  private journeys: Suite | null = null;

  onBegin(_config: unknown, journeys: Suite): void {
    this.journeys = journeys;
  }

  onEnd(): void {
    const file = process.env["ESTAFETTE_UNSTABLE"];
    if (!file) return;
    for (const journey of this.journeys?.allTests() ?? []) {
      if (journey.outcome() !== "flaky") continue;
      const why = journey.results.flatMap((result) => result.errors).map((error) => error.message ?? "").join(" ");
      const plain = stripVTControlCharacters(why).replace(/\s+/g, " ").slice(0, 400);
      appendFileSync(file, `${journey.location.file.split("/").pop() ?? ""} "${journey.title}": ${plain}\n`);
    }
  }

  printsToStdio(): boolean {
    return false;
  }
}
