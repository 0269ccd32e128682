// SPDX-License-Identifier: Apache-2.0
/** Confirms a sensitive request with the password when the server asks (client-server API 5.1.2). */
import { type AuthDict, MatrixError, type MatrixClient, type UIAuthCallback } from "matrix-js-sdk";
import type { PasswordPrompt } from "../port/encryption.ts";
import { CoreError } from "../port/session.ts";

interface AuthNeeded {
  readonly session?: string;
  readonly flows?: readonly { readonly stages?: readonly string[] }[];
}

/** Wrong passwords accepted before giving up. */
const MAX_TRIES = 5;

/** Runs `request` without authentication first; asks the person only if the server insists. */
export function passwordAuth<T>(client: MatrixClient, prompt: PasswordPrompt): UIAuthCallback<T> {
  return async (request) => {
    let needed: AuthNeeded;
    try {
      return await request(null);
    } catch (error) {
      needed = neededFrom(error);
    }
    if (!needed.flows?.some((flow) => flow.stages?.length === 1 && flow.stages[0] === "m.login.password")) {
      throw new CoreError("unsupported", "the server wants a confirmation this client cannot give");
    }
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const password = await prompt();
      if (password === null) throw new CoreError("forbidden", "cancelled");
      const auth: AuthDict = {
        type: "m.login.password", identifier: { type: "m.id.user", user: client.getSafeUserId() },
        password, session: needed.session ?? "",
      };
      try {
        return await request(auth);
      } catch (error) {
        needed = neededFrom(error);
      }
    }
    throw new CoreError("credentials", "wrong password");
  };
}

function neededFrom(error: unknown): AuthNeeded {
  if (error instanceof MatrixError && error.httpStatus === 401 && Array.isArray((error.data as AuthNeeded).flows)) {
    return error.data as AuthNeeded;
  }
  throw error;
}
