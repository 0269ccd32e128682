// SPDX-License-Identifier: Apache-2.0
import { CoreError, type FailureKind, HELD } from "../core/port/session.ts";

/** The kind of any failure; what the core did not foresee is this application's own. */
export function kindOf(error: unknown): FailureKind {
  return error instanceof CoreError ? error.kind : "internal";
}

/** Whether a message that was refused for this reason leaves by itself later. */
export function isHeld(reason: string): boolean {
  return HELD.has(reason);
}
