// SPDX-License-Identifier: Apache-2.0
// The server's own pages in a real browser: accessible (axe), no wider than a small phone, in the
// reader's language and colours, and able to lead to the client under their own security policy.
// ESTAFETTE_TEST_URL names the server, CHROMIUM the browser, PICTURES a folder for screenshots.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { focusIsOnWhatIsWrong, launch, look, newContext, press, READERS } from "./site.mjs";

const base = process.env.ESTAFETTE_TEST_URL;
assert.ok(base, "ESTAFETTE_TEST_URL names no server; run `cargo xtask clients --suite pages`");

const PASSWORD = "correct horse battery staple";
const CALLBACK = "https://client.example.fr/callback";
const username = `pages${Date.now().toString(36)}`;

let browser, clientId;

async function post(path, body) {
  const answer = await fetch(`${base}${path}`, { method: "POST", body });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

before(async () => {
  browser = await launch();
  await post("/_matrix/client/v3/register", JSON.stringify({
    username, password: PASSWORD, device_id: "PHONE", auth: { type: "m.login.dummy" },
    initial_device_display_name: "A phone with a rather long name, as people have them",
  }));
  const client = await post("/oauth2/register", JSON.stringify({
    client_name: "An application with a rather long name",
    client_uri: "https://client.example.fr/",
    redirect_uris: [CALLBACK],
    tos_uri: "https://client.example.fr/terms",
    policy_uri: "https://client.example.fr/privacy",
    grant_types: [
      "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
    ],
  }));
  clientId = client.client_id;
});

after(() => browser?.close());

const authorize = () => `${base}/oauth2/authorize?${new URLSearchParams({
  response_type: "code",
  client_id: clientId,
  redirect_uri: CALLBACK,
  scope: "urn:matrix:client:api:* urn:matrix:client:device:ABCDEFGHIJ",
  state: "a state",
  code_challenge: "A".repeat(43),
  code_challenge_method: "S256",
})}`;

/** A browser whose reader is signed in, with the consent page before it. */
async function signedIn(reader) {
  const context = await newContext(browser, reader);
  const page = await context.newPage();
  await page.goto(authorize());
  await look(page, "sign-in");
  await page.fill("#who", username);
  await page.fill("#password", PASSWORD);
  await press(page, "main form button[type=submit]");
  return page;
}

for (const reader of READERS) {
  const who = `${reader.locale}, ${reader.colorScheme}, ${reader.viewport.width} px`;

  test(`somebody consents (${who})`, async () => {
    const page = await signedIn(reader);
    assert.equal(await page.getAttribute("html", "lang"), reader.locale.slice(0, 2));
    await look(page, "consent");
    await page.route(`${CALLBACK}**`, (route) => route.fulfill({ body: "here" }));
    await page.click("button[value=allow]");
    await page.waitForURL(/callback\?code=/);
    const legacy = new URLSearchParams({ redirectUrl: `${CALLBACK}?a=b#/home` });
    await page.goto(`${base}/_matrix/client/v3/login/sso/redirect?${legacy}`);
    await look(page, "single-sign-on");
    await page.click("button[value=allow]");
    await page.waitForURL(/callback\?a=b&loginToken=ess_[^#]*#\/home$/);
    await page.goto(`${base}/oauth2/authorize?client_id=unknown`);
    await look(page, "wrong-request");
    await page.context().close();
  });

  test(`somebody lets another device in (${who})`, async () => {
    const grant = await post("/oauth2/device", new URLSearchParams({
      client_id: clientId,
      scope: "urn:matrix:client:api:* urn:matrix:client:device:KLMNOPQRST",
    }));
    const page = await signedIn(reader);
    await page.goto(`${base}/_estafette/device`);
    await page.fill("#user_code", "BBBB-BBBB");
    await press(page, "main form button[type=submit]");
    await look(page, "device-wrong-code");
    await focusIsOnWhatIsWrong(page);
    await page.goto(grant.verification_uri_complete);
    await look(page, "device");
    await press(page, "main form button[type=submit]");
    await look(page, "device-consent");
    await press(page, "button[value=allow]");
    await look(page, "device-allowed");
    await page.context().close();
  });

  test(`somebody looks after the account (${who})`, async () => {
    const page = await signedIn(reader);
    await page.goto(`${base}/_estafette/account`);
    await look(page, "account");
    for (const action of [
      "profile", "devices_list", "device_view", "device_delete", "cross_signing_reset",
      "account_deactivate",
    ]) {
      await page.goto(`${base}/_estafette/account?action=org.matrix.${action}&device_id=PHONE`);
      await look(page, action);
    }
    await page.fill("#typed", "somebody else");
    await press(page, "button.danger");
    await look(page, "account_deactivate-mistyped");
    await page.context().close();
  });
}
