// SPDX-License-Identifier: Apache-2.0
// Signing in by another OpenID provider's word: a real one (oidc-provider) and the server that
// ESTAFETTE_BIN names, both on loopback.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";

import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

import { Browser } from "./browser.mjs";
import { Server, freeUrl } from "./server.mjs";

const people = {
  jean: { email: "jean.dupont@interieur.gouv.fr", email_verified: true },
  marie: { email: "marie@interieur.gouv.fr", email_verified: true },
  paul: { email: "paul@interieur.gouv.fr", email_verified: true },
  eve: { email: "eve@interieur.gouv.fr", email_verified: false },
  mallory: { email: "mallory@elsewhere.fr", email_verified: true },
};

let server, listening, home, issuer;

async function startProvider() {
  const keys = await Promise.all(["RS256", "ES256"].map(async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...(await exportJWK(privateKey)), alg, use: "sig", kid: alg };
  }));
  const client = (id, idTokenAlg, extra) => ({
    client_id: id,
    client_secret: "a secret & more",
    redirect_uris: [`${home}/_estafette/upstream/${id}/callback`],
    post_logout_redirect_uris: [`${home}/_estafette/sign-in`],
    backchannel_logout_uri: `${home}/_estafette/upstream/${id}/logout`,
    backchannel_logout_session_required: true,
    id_token_signed_response_alg: idTokenAlg,
    ...extra,
  });
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: [
      client("plain", "RS256", { token_endpoint_auth_method: "client_secret_post" }),
      // As ProConnect: the user info is signed too.
      client("signed", "ES256", { userinfo_signed_response_alg: "RS256" }),
    ],
    claims: {
      openid: ["sub"],
      email: ["email", "email_verified"],
      profile: ["given_name", "family_name"],
    },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, given_name: "Jean", family_name: "Dupont", ...people[id] }),
    }),
    features: { backchannelLogout: { enabled: true }, jwtUserinfo: { enabled: true } },
    cookies: { keys: ["a key of the tests"] },
    // The provider's own agent reaches no loopback address, which is where everything is here.
    fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
  });
  listening = provider.listen(Number(new URL(issuer).port), "127.0.0.1");
  await once(listening, "listening");
}

function configuration() {
  const provider = (id, auth) => `
[[identity.upstream]]
id = "${id}"
name = "Provider ${id}"
issuer = "${issuer}"
client_id = "${id}"
client_secret = "a secret & more"
client_auth = "${auth}"
domains = ["interieur.gouv.fr"]
asks_again = true
creates_accounts = true
`;
  return provider("plain", "client_secret_post") + provider("signed", "client_secret_basic");
}

before(async () => {
  [home, issuer] = [await freeUrl(), await freeUrl()];
  await startProvider();
  server = await Server.start(home, configuration());
});

after(async () => {
  await server?.stop();
  listening?.closeAllConnections();
  listening?.close();
});

/** Signs in at the provider, coming from our sign-in page, and consents there where it asks. */
async function signIn(browser, provider, who) {
  const onward = encodeURIComponent("/_estafette/account?action=org.matrix.profile");
  await browser.open(`${home}/_estafette/sign-in?continue=${onward}`);
  await browser.click(`Provider ${provider}`);
  if (browser.shows("name=\"login\"")) {
    await browser.submit("/interaction/", { login: who, password: "any" });
  }
  if (browser.shows("value=\"consent\"")) await browser.submit("/interaction/", {});
}

const isSignedIn = async (browser) => {
  await browser.open(`${home}/_estafette/account`);
  return !browser.shows("name=\"password\"");
};

// An address of one provider's person opens nothing to another provider's: each has its own.
for (const [provider, who] of [["plain", "jean"], ["signed", "marie"]]) {
  test(`an agent signs in with ${provider} and is somebody`, async () => {
    const browser = new Browser();
    await signIn(browser, provider, who);
    assert.ok(browser.shows(who === "jean" ? "Jean Dupont" : "Marie"), browser.page);
    const userId = /@[a-z0-9-]+:x\.test/.exec(browser.page)[0];
    assert.ok(!userId.includes(who));
    // Another browser, the same person.
    const other = new Browser();
    await signIn(other, provider, who);
    assert.ok(other.shows(userId));
  });

  test(`signing out at ${provider} ends the session here`, async () => {
    const browser = new Browser();
    await signIn(browser, provider, who);
    assert.ok(await isSignedIn(browser));
    await browser.open(`${issuer}/session/end`);
    await browser.submit("/session/end/confirm", { logout: "yes" });
    assert.ok(!(await isSignedIn(browser)), "the provider said so before it answered");
  });
}

test("who signs out here can sign out there", async () => {
  const browser = new Browser();
  await signIn(browser, "plain", "jean");
  await browser.open(`${home}/_estafette/account`);
  await browser.submit("/_estafette/sign-out", {});
  await browser.click("Provider plain");
  await browser.submit("/session/end/confirm", { logout: "yes" });
  assert.ok(browser.url.startsWith(`${home}/_estafette/sign-in`), browser.url);
  await browser.click("Provider plain");
  assert.ok(browser.shows("name=\"login\""), "the provider asks again");
});

test("another provider's word for the same address opens nothing", async () => {
  const browser = new Browser();
  await signIn(browser, "signed", "jean");
  assert.equal(browser.status, 403);
  assert.ok(browser.shows("under another identity"), browser.page);
  assert.ok(!(await isSignedIn(browser)));
});

test("an address that is not vouched for opens nothing", async () => {
  for (const who of ["eve", "mallory"]) {
    const browser = new Browser();
    await signIn(browser, "plain", who);
    assert.equal(browser.status, 403);
    assert.ok(!(await isSignedIn(browser)));
  }
});

const accountPage = "/_estafette/account?action=org.matrix.account_deactivate";

/** Fills in the provider's own page, and consents there where it asks. */
async function proveThere(browser, who) {
  await browser.submit("/interaction/", { login: who, password: "any" });
  // Whoever was signed in there before is signed out first, by a script on this page.
  if (browser.shows("/session/end/confirm")) await browser.submit("/session/end/confirm", {});
  if (browser.shows("value=\"consent\"")) await browser.submit("/interaction/", {});
}

/** Signs paul in and leads him to the provider, to prove that it is he. */
async function toBeProven() {
  const browser = new Browser();
  await signIn(browser, "plain", "paul");
  const userId = /@[a-z0-9-]+:x\.test/.exec(browser.page)[0];
  await browser.open(home + accountPage);
  assert.ok(browser.shows("Confirm that it is you"), browser.page);
  await browser.click("Provider plain");
  assert.ok(browser.shows("name=\"login\""), "the provider asks, although it knows the browser");
  return [browser, userId];
}

test("nobody else proves at the provider that it is the person signed in", async () => {
  const [browser] = await toBeProven();
  await proveThere(browser, "jean");
  assert.ok(browser.shows("as somebody else"), browser.page);
  assert.equal(browser.status, 403);
  assert.ok(!(await isSignedIn(browser)), "the provider signed paul out when jean came");
});

test("leave to replace one's keys is given at the provider, without any password", async () => {
  const browser = new Browser();
  await signIn(browser, "plain", "paul");
  const page = "/_estafette/account?action=org.matrix.cross_signing_reset";
  await browser.open(home + page);
  await browser.click("Provider plain");
  await proveThere(browser, "paul");
  assert.ok(browser.url.startsWith(home + page), browser.url);
  await browser.submit("/account/cross-signing-reset", {});
  assert.ok(browser.url.endsWith("/account/cross-signing-reset"), browser.page);
});

test("what cannot be undone is proven again at the provider", async () => {
  const [browser, userId] = await toBeProven();
  await proveThere(browser, "paul");
  assert.ok(browser.url.endsWith(accountPage), browser.url);
  await browser.submit("/account/deactivate", { typed: userId });
  assert.ok(browser.shows("Account deleted"), browser.page);
});

test("a client of the legacy API is let in by way of the provider", async () => {
  const login = `${home}/_matrix/client/v3/login`;
  const { flows } = await (await fetch(login)).json();
  const flow = flows.find(({ type }) => type === "m.login.sso");
  assert.deepEqual(flow.identity_providers.map(({ id }) => id), ["plain", "signed"]);
  const browser = new Browser();
  // Nobody is there; all that counts is where the browser ends.
  const client = `${issuer}/client`;
  await browser.open(`${login}/sso/redirect/plain?redirectUrl=${encodeURIComponent(client)}`);
  await proveThere(browser, "jean");
  assert.ok(browser.shows(`<strong>${new URL(issuer).host}</strong>`), browser.page);
  await browser.submit("/_estafette/single-sign-on", { decision: "allow" });
  assert.ok(browser.url.startsWith(`${client}?loginToken=`), browser.url);
  const token = new URL(browser.url).searchParams.get("loginToken");
  const body = JSON.stringify({ type: "m.login.token", token });
  const first = await fetch(login, { method: "POST", body });
  assert.equal(first.status, 200);
  assert.ok((await first.json()).user_id.endsWith(":x.test"));
  assert.equal((await fetch(login, { method: "POST", body })).status, 403, "once");
});
