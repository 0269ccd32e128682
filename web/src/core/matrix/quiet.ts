// SPDX-License-Identifier: Apache-2.0
/** Only what went wrong is worth a line in a person's console. */
import { type Logger, logger } from "matrix-js-sdk/lib/logger";

export const QUIET: Logger = {
  trace: () => undefined, debug: () => undefined, info: () => undefined,
  warn: (...parts) => console.warn(...parts), error: (...parts) => console.error(...parts),
  getChild: () => QUIET,
};

/** The parts of the SDK that are given no logger use one of their own. */
export function quietSdk(): void {
  (logger as unknown as { setLevel(level: string, persist: boolean): void }).setLevel("warn", false);
}
