// SPDX-License-Identifier: Apache-2.0
/**
 * Renews the tokens of an account that no page has open (RFC 6749, section 6; client-server API,
 * "Refresh tokens"). A refresh token works once: whoever renews, and whoever opens the account,
 * waits for the other.
 */
import { type StoredAccount, storedAccount, updateTokens } from "./accounts.ts";
import { homeserver } from "./auth.ts";

/** Longest wait for an answer, in milliseconds. */
const TIMEOUT_MS = 20_000;

const lockName = (key: string): string => `estafette.tokens.${key}`;

/** Resolves when nobody renews the tokens of this account. */
export async function tokensSettled(key: string): Promise<void> {
  await navigator.locks.request(lockName(key), () => undefined);
}

/**
 * True when there is a new token, made here or elsewhere; false when the session cannot be renewed.
 * Throws when the server could not be asked.
 */
export function renewTokens(used: StoredAccount, isOpen: () => Promise<boolean>): Promise<boolean> {
  return navigator.locks.request(lockName(used.key), async () => {
    const now = storedAccount(used.key);
    if (now && now.accessToken !== used.accessToken) return true;
    if (!now?.refreshToken || !now.oauthClientId) return false;
    if (await isOpen()) throw new Error("the account is open: its page renews the tokens");
    const metadata = await fetch(`${homeserver()}/_matrix/client/v1/auth_metadata`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const { token_endpoint: endpoint } = await metadata.json() as { token_endpoint?: string };
    if (!metadata.ok || endpoint === undefined) throw new Error("the server says nothing of tokens");
    const answer = await fetch(endpoint, {
      method: "POST", signal: AbortSignal.timeout(TIMEOUT_MS),
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: now.refreshToken, client_id: now.oauthClientId }),
    });
    // RFC 6749, section 5.2: what is wrong with the grant is said with 400 or 401.
    if (answer.status === 400 || answer.status === 401) return false;
    const tokens = await answer.json().catch(() => ({})) as { access_token?: unknown; refresh_token?: unknown };
    if (!answer.ok || typeof tokens.access_token !== "string") throw new Error("the server gave no token");
    updateTokens(used.key, tokens.access_token, typeof tokens.refresh_token === "string" ? tokens.refresh_token : undefined);
    return true;
  });
}
