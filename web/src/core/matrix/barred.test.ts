// SPDX-License-Identifier: Apache-2.0
/** Without this: a barred account reads of a server's fault, or its messages are given up. */
import { MatrixError } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { isTransient, toCoreError } from "./errors.ts";

const RENEW = "org.estafette.renewal_url";

test.each([
  [401, { errcode: "M_USER_LOCKED", soft_logout: true }, "locked", null, true],
  [403, { errcode: "M_USER_SUSPENDED" }, "suspended", null, false],
  [403, { errcode: "ORG_MATRIX_EXPIRED_ACCOUNT", [RENEW]: "https://compte.example/renew" }, "lapsed", "https://compte.example/renew", true],
  [403, { errcode: "ORG_MATRIX_EXPIRED_ACCOUNT" }, "lapsed", null, true],
  // A page is a page: nothing that runs in ours.
  [403, { errcode: "ORG_MATRIX_EXPIRED_ACCOUNT", [RENEW]: "javascript:alert(1)" }, "lapsed", null, true],
  [403, { errcode: "M_FORBIDDEN" }, "forbidden", null, false],
  [429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 30_000 }, "limit", null, true],
  [502, {}, "server", null, true],
] as const)("%d %j", (status, body, kind, page, again) => {
  const error = new MatrixError(body, status);
  const failure = toCoreError(error);
  expect([failure.kind, failure.page, isTransient(error)]).toEqual([kind, page, again]);
  expect(failure.retryAfterMs).toBe("retry_after_ms" in body ? body.retry_after_ms : 0);
});
