// SPDX-License-Identifier: Apache-2.0
/** Turns whatever the SDK or the network threw into the one error the port speaks. */
import { CoreError, type FailureKind } from "../port/session.ts";

/** Where an account is renewed whose time is over (a member of this server's own). */
export const RENEWAL_PAGE = "org.estafette.renewal_url";

interface ServerFailure {
  readonly errcode?: string;
  readonly httpStatus?: number;
  readonly data?: { readonly error?: string; readonly retry_after_ms?: number; readonly [RENEWAL_PAGE]?: unknown };
  readonly name?: string;
  readonly message?: string;
}

const BY_CODE: Readonly<Record<string, FailureKind>> = {
  M_USER_IN_USE: "nameTaken",
  M_EXCLUSIVE: "nameTaken",
  M_INVALID_USERNAME: "nameInvalid",
  M_WEAK_PASSWORD: "passwordWeak",
  M_PASSWORD_TOO_SHORT: "passwordWeak",
  M_LIMIT_EXCEEDED: "limit",
  M_TOO_LARGE: "tooLarge",
  M_THREEPID_DENIED: "notExpected",
  M_THREEPID_MEDIUM_NOT_SUPPORTED: "unsupported",
  M_SERVER_NOT_TRUSTED: "unsupported",
  M_INVITE_BLOCKED: "inviteBlocked",
  M_NOT_FOUND: "notFound",
  M_UNKNOWN_TOKEN: "signedOut",
  M_USER_DEACTIVATED: "credentials",
  M_USER_LOCKED: "locked",
  M_USER_SUSPENDED: "suspended",
  // Of servers with a period of validity; not in the specification.
  ORG_MATRIX_EXPIRED_ACCOUNT: "lapsed",
  M_UNRECOGNIZED: "unsupported",
};

/** No answer came, or none in time. */
const UNANSWERED: ReadonlySet<string> = new Set(["ConnectionError", "TokenRefreshError", "AbortError", "TimeoutError"]);
/** How browsers word a `fetch` without an answer (Chromium, Firefox, Safari): any other `TypeError` is a mistake in a program. */
const FETCH_FAILED = /fetch|NetworkError|load failed|network connection|internet connection/i;

/**
 * What the cryptography refuses to encrypt for, by its own words: its errors carry no code. In the
 * order of `SessionRecipientCollectionError` of matrix-sdk-crypto; the test makes it throw them.
 */
const BY_WORDS: readonly (readonly [RegExp, FailureKind])[] = [
  [/cross-signing is not set up on your account/, "identityMissing"],
  [/your device is not verified/, "unconfirmed"],
  [/users that were verified have changed their identity/, "recipientChanged"],
];

export function toCoreError(error: unknown): CoreError {
  if (error instanceof CoreError) return error;
  const failure = (typeof error === "object" && error !== null ? error : {}) as ServerFailure;
  const detail = failure.data?.error ?? failure.message ?? String(error);
  const retry = failure.data?.retry_after_ms ?? 0;
  const known = failure.errcode ? BY_CODE[failure.errcode] : undefined;
  if (known) return new CoreError(known, detail, retry, pageOf(failure));
  if (failure.name === "TokenRefreshLogoutError") return new CoreError("signedOut", detail);
  if (UNANSWERED.has(failure.name ?? "") || (error instanceof TypeError && FETCH_FAILED.test(detail))) return new CoreError("offline", detail);
  if (failure.httpStatus === 429) return new CoreError("limit", detail, retry);
  if (failure.httpStatus === 413) return new CoreError("tooLarge", detail);
  if (failure.httpStatus === 404) return new CoreError("notFound", detail);
  if (failure.httpStatus === 403) return new CoreError("forbidden", detail);
  // Only what a server answered is a server's problem.
  if (failure.httpStatus !== undefined || failure.errcode) return new CoreError("server", detail);
  return new CoreError(BY_WORDS.find(([words]) => words.test(detail))?.[1] ?? "internal", detail);
}

function pageOf({ data }: ServerFailure): string | null {
  const page = data?.[RENEWAL_PAGE];
  return typeof page === "string" && /^https?:\/\//.test(page) ? page : null;
}

/** True when trying again later can succeed: the network is back, or the account is let in again. */
export function isTransient(error: unknown): boolean {
  const failure = toCoreError(error);
  const status = (error as ServerFailure | null)?.httpStatus ?? 0;
  return ["offline", "limit", "locked", "lapsed"].includes(failure.kind) || status >= 500;
}

/** Runs an operation and lets only `CoreError` out. */
export async function guarded<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw toCoreError(error);
  }
}
