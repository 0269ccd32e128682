// SPDX-License-Identifier: Apache-2.0
import { CoreError, type FailureKind } from "../core/port/session.ts";

/** The kind of any failure; what the core did not foresee is this application's own. */
export function kindOf(error: unknown): FailureKind {
  return error instanceof CoreError ? error.kind : "internal";
}
