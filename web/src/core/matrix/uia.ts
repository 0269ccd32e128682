// SPDX-License-Identifier: Apache-2.0
/**
 * Confirms a sensitive request when the server asks: with the password, or on the server's own
 * page (client-server API, "User-Interactive Authentication API": m.login.password, m.oauth).
 */
import { type AuthDict, MatrixError, type MatrixClient, type UIAuthCallback } from "matrix-js-sdk";
import type { Confirmation } from "../port/encryption.ts";
import { CoreError } from "../port/session.ts";

interface AuthNeeded {
  readonly session?: string;
  readonly flows?: readonly { readonly stages?: readonly string[] }[];
  readonly params?: Readonly<Record<string, { readonly url?: unknown } | undefined>>;
}

/** Wrong passwords, or visits without effect, accepted before giving up. */
const MAX_TRIES = 5;
const PASSWORD = "m.login.password";
const PAGE = "m.oauth";

/** Runs `request` without authentication first; asks the person only if the server insists. */
export function confirmed<T>(client: MatrixClient, confirmation: Confirmation): UIAuthCallback<T> {
  return async (request) => {
    let needed: AuthNeeded;
    try {
      return await request(null);
    } catch (error) {
      needed = neededFrom(error);
    }
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const auth = await answer(client, confirmation, needed);
      try {
        return await request(auth);
      } catch (error) {
        needed = neededFrom(error);
      }
    }
    throw new CoreError("credentials", "not confirmed");
  };
}

async function answer(client: MatrixClient, confirmation: Confirmation, needed: AuthNeeded): Promise<AuthDict> {
  const alone = (stage: string): boolean => needed.flows?.some((flow) => flow.stages?.length === 1 && flow.stages[0] === stage) ?? false;
  const session = needed.session ?? "";
  if (alone(PASSWORD)) {
    const password = await confirmation.password();
    if (password === null) throw new CoreError("forbidden", "cancelled");
    return { type: PASSWORD, identifier: { type: "m.id.user", user: client.getSafeUserId() }, password, session };
  }
  const url = needed.params?.[PAGE]?.url;
  if (alone(PAGE) && typeof url === "string" && /^https?:\/\//.test(url)) {
    if (!(await confirmation.page(url))) throw new CoreError("forbidden", "cancelled");
    return { session } as AuthDict;
  }
  throw new CoreError("unsupported", "the server wants a confirmation this client cannot give");
}

function neededFrom(error: unknown): AuthNeeded {
  if (error instanceof MatrixError && error.httpStatus === 401 && Array.isArray((error.data as AuthNeeded).flows)) {
    return error.data as AuthNeeded;
  }
  throw error;
}
