// SPDX-License-Identifier: Apache-2.0
// The authorisation server of ESTAFETTE_BIN as a client library sees it that knows nothing of
// Matrix (oauth4webapi): it holds answers against RFC 6749, 7009, 7591, 7636, 8414, 8628 and 9207.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import * as oauth from "oauth4webapi";

import { Browser } from "./browser.mjs";
import { Server, freeUrl } from "./server.mjs";

const PASSWORD = "ocean lantern granite violin";
const DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code";
// Loopback has no TLS.
const plain = { [oauth.allowInsecureRequests]: true };
const nobody = oauth.None();

let server, home, issuer, listening, callback, back;

before(async () => {
  home = await freeUrl();
  server = await Server.start(home, "[registration]\nopen = true\n");
  const url = new URL(await freeUrl());
  callback = `${url.origin}/callback`;
  listening = createServer((request, response) => {
    back = new URL(request.url, callback);
    response.end("You may close this page.");
  });
  listening.listen(Number(url.port), "127.0.0.1");
  await once(listening, "listening");
  const identifier = new URL(`${home}/`);
  const found = await oauth.discoveryRequest(identifier, { algorithm: "oauth2", ...plain });
  issuer = await oauth.processDiscoveryResponse(identifier, found);
});

after(async () => {
  await server?.stop();
  listening?.closeAllConnections();
  listening?.close();
});

/** A client with every grant, and the scope of a new device of somebody. */
async function register() {
  const answer = await oauth.dynamicClientRegistrationRequest(issuer, {
    application_type: "native",
    client_name: "A client of the standards",
    client_uri: "https://client.example.fr/",
    redirect_uris: ["http://127.0.0.1/callback"],
    response_types: ["code"],
    grant_types: ["authorization_code", "refresh_token", DEVICE_CODE],
    token_endpoint_auth_method: "none",
  }, plain);
  return oauth.processDynamicClientRegistrationResponse(answer);
}

const scopeOf = (device) => `urn:matrix:client:api:* urn:matrix:client:device:${device}`;

async function person(username) {
  const auth = { type: "m.login.dummy" };
  const body = JSON.stringify({ username, password: PASSWORD, inhibit_login: true, auth });
  const url = `${home}/_matrix/client/v3/register`;
  assert.equal((await fetch(url, { method: "POST", body })).status, 200);
}

async function whoami(token) {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${home}/_matrix/client/v3/account/whoami`, { headers });
  return answer.ok ? (await answer.json()).user_id : undefined;
}

/** Signs somebody in with their password and has them decide; the parameters that came back. */
async function authorize(client, who, decision, verifier, state) {
  const url = new URL(issuer.authorization_endpoint);
  const challenge = await oauth.calculatePKCECodeChallenge(verifier);
  for (const [name, value] of Object.entries({
    client_id: client.client_id,
    redirect_uri: callback,
    response_type: "code",
    scope: scopeOf(`DEVICE${who}`),
    state,
    code_challenge: challenge,
    code_challenge_method: "S256",
  })) url.searchParams.set(name, value);
  const browser = new Browser();
  await browser.open(url);
  await browser.submit("/_estafette/sign-in", { who, password: PASSWORD });
  await browser.submit("/_estafette/consent", { decision });
  assert.ok(browser.shows("You may close this page."), browser.page);
  return back;
}

test("somebody signs in, stays in and signs out", async () => {
  await person("alice");
  const client = await register();
  const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];
  const arrived = await authorize(client, "alice", "allow", verifier, state);
  const params = oauth.validateAuthResponse(issuer, client, arrived, state);
  const exchange = () => oauth.authorizationCodeGrantRequest(
    issuer, client, nobody, params, callback, verifier, plain,
  );
  const first = await oauth.processAuthorizationCodeResponse(issuer, client, await exchange());
  assert.equal(first.token_type, "bearer");
  assert.equal(first.scope, scopeOf("DEVICEalice"));
  assert.equal(await whoami(first.access_token), "@alice:x.test");

  const refresh = async (token, more) => {
    const answer = await oauth.refreshTokenGrantRequest(issuer, client, nobody, token, {
      ...plain,
      additionalParameters: more,
    });
    return oauth.processRefreshTokenResponse(issuer, client, answer);
  };
  await assert.rejects(refresh(first.refresh_token, { scope: "openid" }), {
    error: "invalid_scope",
  });
  const second = await refresh(first.refresh_token, {});
  assert.equal(await whoami(second.access_token), "@alice:x.test");
  const revoke = (token) => oauth.revocationRequest(issuer, client, nobody, token, plain);
  await oauth.processRevocationResponse(await revoke(second.refresh_token));
  assert.equal(await whoami(second.access_token), undefined);
  await assert.rejects(refresh(second.refresh_token, {}), { error: "invalid_grant" });
  // RFC 7009, section 2.2: what is not known is no error.
  await oauth.processRevocationResponse(await revoke("unknown"));
  const again = await exchange();
  await assert.rejects(oauth.processAuthorizationCodeResponse(issuer, client, again), {
    error: "invalid_grant",
  });
});

test("a no arrives, and an answer of another server is noticed", async () => {
  await person("bob");
  const client = await register();
  const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];
  const arrived = await authorize(client, "bob", "deny", verifier, state);
  assert.throws(() => oauth.validateAuthResponse(issuer, client, arrived, state), {
    error: "access_denied",
  });
  const other = { ...issuer, issuer: "https://other.example.fr/" };
  assert.throws(() => oauth.validateAuthResponse(other, client, arrived, state), /iss/);
  assert.throws(() => oauth.validateAuthResponse(issuer, client, arrived, "another"), /state/);
});

test("a device without a browser is let in by one with", async () => {
  await person("carol");
  const client = await register();
  const begin = async (device) => {
    const asked = new URLSearchParams({ scope: scopeOf(device) });
    const answer = await oauth.deviceAuthorizationRequest(issuer, client, nobody, asked, plain);
    return oauth.processDeviceAuthorizationResponse(issuer, client, answer);
  };
  const poll = async (grant) => {
    const answer = await oauth.deviceCodeGrantRequest(
      issuer, client, nobody, grant.device_code, plain,
    );
    return oauth.processDeviceCodeResponse(issuer, client, answer);
  };
  const decide = async (grant, decision) => {
    const browser = new Browser();
    await browser.open(grant.verification_uri_complete);
    await browser.submit("/_estafette/sign-in", { who: "carol", password: PASSWORD });
    await browser.submit("/_estafette/device", { user_code: grant.user_code });
    await browser.submit("/_estafette/device", { decision });
  };
  const waiting = await begin("WAITING");
  assert.ok(waiting.interval >= 1 && waiting.expires_in > 60);
  await assert.rejects(poll(waiting), { error: "authorization_pending" });
  const allowed = await begin("ALLOWED");
  await decide(allowed, "allow");
  const tokens = await poll(allowed);
  assert.equal(await whoami(tokens.access_token), "@carol:x.test");
  await assert.rejects(poll(allowed), { error: "invalid_grant" });
  const denied = await begin("DENIED");
  await decide(denied, "deny");
  await assert.rejects(poll(denied), { error: "access_denied" });
});
