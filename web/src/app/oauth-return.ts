// SPDX-License-Identifier: Apache-2.0
/** What the server's sign-in pages say when the browser comes back (RFC 6749, section 4.1.2). */
export type OAuthReturn =
  | { readonly kind: "code"; readonly code: string; readonly state: string; readonly issuer: string | null }
  | { readonly kind: "error"; readonly denied: boolean };

/** Whether somebody comes from the server's pages who has just signed in there, or up. */
export function cameSignedIn(search: string): boolean {
  return new URLSearchParams(search).has("signed-in");
}

export function oauthReturn(search: string): OAuthReturn | null {
  const query = new URLSearchParams(search);
  const [state, code, error] = [query.get("state"), query.get("code"), query.get("error")];
  if (!state) return null;
  if (code) return { kind: "code", code, state, issuer: query.get("iss") };
  return error ? { kind: "error", denied: error === "access_denied" } : null;
}
