// SPDX-License-Identifier: Apache-2.0
// Signing in by the OAuth 2.0 API, through an unmodified matrix-js-sdk and the server's own pages,
// against the server that ESTAFETTE_TEST_URL names.

import assert from "node:assert/strict";
import { test } from "node:test";

import { OAuth2, createClient } from "matrix-js-sdk";

import { Browser } from "./pages.mjs";

const quiet = Object.fromEntries(
  ["trace", "debug", "info", "warn", "error"].map((level) => [level, () => {}]),
);
quiet.getChild = () => quiet;

const baseUrl = process.env.ESTAFETTE_TEST_URL;
assert.ok(baseUrl, "ESTAFETTE_TEST_URL names no server; run `cargo xtask clients`");

const PASSWORD = "correct horse battery staple";
const DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code";
const REDIRECT = "https://client.example.fr/callback";

const METADATA = {
  application_type: "web",
  client_name: "A test",
  client_uri: "https://client.example.fr/",
  redirect_uris: [REDIRECT],
  response_types: ["code"],
  grant_types: ["authorization_code", "refresh_token", DEVICE_CODE],
  token_endpoint_auth_method: "none",
};

async function register(stem) {
  const username = `${stem}${Date.now().toString(36)}${Math.floor(Math.random() * 1e6)}`;
  const auth = { type: "m.login.dummy" };
  const account = { username, password: PASSWORD, inhibit_login: true, auth };
  await createClient({ baseUrl, logger: quiet }).registerRequest(account);
  return username;
}

/** What the server says of itself, and the client it gives us. */
async function begin() {
  const metadata = await createClient({ baseUrl, logger: quiet }).getAuthMetadata();
  const clientId = await OAuth2.registerClient(metadata, METADATA, quiet);
  return new OAuth2(metadata, { clientId }, quiet);
}

async function signIn(browser, username, oauth) {
  const url = await oauth.generateAuthorizationCodeGrantUrl("a state", REDIRECT);
  await browser.open(url);
  await browser.submit("/_estafette/sign-in", { who: username, password: PASSWORD });
  const back = await browser.submit("/_estafette/consent", { decision: "allow" });
  const answer = new URLSearchParams(back.hash.slice(1));
  assert.equal(back.href.split("#")[0], REDIRECT);
  assert.equal(answer.get("state"), "a state");
  return oauth.completeAuthorizationCodeGrant(answer.get("code"), REDIRECT);
}

const whoami = (accessToken) => createClient({ baseUrl, accessToken, logger: quiet }).whoami();

test("somebody signs in, stays in and signs out", async () => {
  const username = await register("alice");
  const oauth = await begin();
  const first = await signIn(new Browser(baseUrl), username, oauth);
  const me = await whoami(first.access_token);
  assert.match(me.user_id, new RegExp(`^@${username}:`));
  assert.equal(me.device_id, oauth.context.deviceId);
  const second = await oauth.performRefreshTokenGrant(first.refresh_token);
  await whoami(second.access_token);
  await assert.rejects(whoami(first.access_token), { errcode: "M_UNKNOWN_TOKEN" });
  await oauth.revokeToken(second.refresh_token, "refresh_token");
  await assert.rejects(whoami(second.access_token), { errcode: "M_UNKNOWN_TOKEN" });
});

test("a stolen refresh token ends the session", async () => {
  const username = await register("bob");
  const oauth = await begin();
  const first = await signIn(new Browser(baseUrl), username, oauth);
  const second = await oauth.performRefreshTokenGrant(first.refresh_token);
  await whoami(second.access_token);
  await assert.rejects(oauth.performRefreshTokenGrant(first.refresh_token));
  await assert.rejects(whoami(second.access_token), { errcode: "M_UNKNOWN_TOKEN" });
});

test("a device without a browser is let in by one with", async () => {
  const username = await register("carol");
  const oauth = await begin();
  const session = await oauth.startDeviceAuthorizationGrant();
  const browser = new Browser(baseUrl);
  await browser.open(session.verification_uri_complete);
  await browser.submit("/_estafette/sign-in", { who: username, password: PASSWORD });
  await browser.submit("/_estafette/device", { user_code: session.user_code });
  await browser.submit("/_estafette/device", { decision: "allow" });
  const tokens = await oauth.waitForDeviceAuthorizationGrant(session);
  assert.match((await whoami(tokens.access_token)).user_id, new RegExp(`^@${username}:`));
});
