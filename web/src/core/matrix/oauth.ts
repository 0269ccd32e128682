// SPDX-License-Identifier: Apache-2.0
/**
 * The server's own sign-in pages: OAuth 2.0 authorization code with PKCE
 * (client-server API, "OAuth 2.0 API"; dynamic registration, RFC 7591).
 */
import { createClient, type MatrixClient, OAuth2 } from "matrix-js-sdk";
import { CoreError } from "../port/session.ts";
import type { StoredAccount } from "./accounts.ts";
import { deviceName } from "./device-name.ts";
import { guarded } from "./errors.ts";

/** What must be remembered while the person is away on the server's pages. */
export interface PendingOAuth {
  readonly state: string;
  readonly clientId: string;
  readonly deviceId: string;
  readonly codeVerifier: string;
}

const redirectUri = (): string => `${window.location.origin}/`;

function randomState(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function beginOAuth(
  baseUrl: string, action: "signIn" | "signUp", again?: string,
): Promise<{ url: string; pending: PendingOAuth }> {
  return guarded(async () => {
    const metadata = await createClient({ baseUrl }).getAuthMetadata();
    const clientId = await OAuth2.registerClient(metadata, {
      application_type: "web",
      client_name: "Estafette",
      client_uri: redirectUri(),
      redirect_uris: [redirectUri()],
      response_types: ["code"],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "none",
    });
    const oauth = new OAuth2(metadata, { clientId, ...(again ? { deviceId: again } : {}) });
    const state = randomState();
    const prompt = action === "signUp" ? "create" : undefined;
    const url = await oauth.generateAuthorizationCodeGrantUrl(state, redirectUri(), "query", prompt);
    const { deviceId, codeVerifier } = oauth.context;
    return { url, pending: { state, clientId, deviceId, codeVerifier } };
  });
}

export async function finishOAuth(
  baseUrl: string, pending: PendingOAuth | null, code: string, said: { readonly state: string; readonly issuer: string | null },
): Promise<StoredAccount> {
  if (!pending || pending.state !== said.state) throw new CoreError("forbidden", "unexpected sign-in state");
  return guarded(async () => {
    const metadata = await createClient({ baseUrl }).getAuthMetadata();
    // RFC 9207: an answer of another server is not for us.
    const named = (metadata as { authorization_response_iss_parameter_supported?: boolean }).authorization_response_iss_parameter_supported === true;
    if ((named || said.issuer !== null) && said.issuer !== metadata.issuer) throw new CoreError("forbidden", "unexpected issuer");
    const oauth = new OAuth2(metadata, pending);
    const tokens = await oauth.completeAuthorizationCodeGrant(code, redirectUri());
    const client = createClient({ baseUrl, accessToken: tokens.access_token });
    const { user_id: userId, device_id: deviceId } = await client.whoami();
    if (!deviceId) throw new CoreError("server", "the session has no device");
    // The pages know no name for it; without one a list of devices helps nobody.
    await client.setDeviceDetails(deviceId, { display_name: deviceName() }).catch(() => undefined);
    return {
      key: `${userId}|${deviceId}`, userId, deviceId, accessToken: tokens.access_token,
      ...(tokens.refresh_token ? { refreshToken: tokens.refresh_token } : {}),
      oauthClientId: pending.clientId,
    };
  });
}

/** Ends a session: its tokens are worth nothing any more, and the device is gone. */
export async function revokeTokens(client: MatrixClient, account: StoredAccount): Promise<void> {
  const { revocation_endpoint: endpoint } = await client.getAuthMetadata();
  const token = account.refreshToken ?? account.accessToken;
  const body = new URLSearchParams({
    token, token_type_hint: account.refreshToken ? "refresh_token" : "access_token", client_id: account.oauthClientId ?? "",
  });
  await fetch(endpoint, { method: "POST", body });
}
