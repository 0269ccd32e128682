// SPDX-License-Identifier: Apache-2.0
// Pages that somebody meets rarely: those of another provider, the link by which a password is
// chosen, the parts of the profile, the browsers that are signed in. Each is looked at with axe on a
// small phone and on a dark desktop.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { TestProvider } from "./provider.mjs";
import {
  ACCOUNT, focusIsOnWhatIsWrong, look, PASSWORD, press, READERS, Site, SUBMIT,
} from "./site.mjs";

const NEW_PASSWORD = "copper meadow lighthouse zebra";
const LONG_AGO_S = 1_700_000_000;

let site, provider;

before(async () => {
  provider = await TestProvider.start();
  site = await Site.start(`[rate_limits]\nenabled = false\n${provider.settings}`);
});

after(async () => {
  await site?.stop();
  provider?.stop();
});

const path = (page) => new URL(page.url()).pathname;
const action = (name) => `${site.base}${ACCOUNT}?action=org.matrix.${name}`;

/** Whom the provider signs in next, as somebody it has always called the same. */
function signInAs(email) {
  Object.assign(provider, { email, provenS: undefined, refuses: false, subject: undefined });
}

/** Another browser in which somebody signs in. */
async function signedIn(reader, address, password = PASSWORD) {
  const page = await site.page(reader);
  await page.goto(`${site.base}/_estafette/sign-in?continue=${ACCOUNT}`);
  await page.fill("#who", address);
  await page.fill("#password", password);
  await press(page, SUBMIT);
  return page;
}

for (const reader of READERS) {
  const size = reader.viewport.width;
  const called = `(${reader.locale}, ${size} px)`;
  const addressOf = (name) => `${name}-${size}@important.fr`;

  test(`an account is joined to a provider, and proven there again ${called}`, async () => {
    const address = addressOf("jo.join");
    await (await site.newcomer(reader, address)).context().close();
    signInAs(address);
    const page = await site.page(reader);
    await page.goto(`${site.base}/_estafette/sign-in?continue=${ACCOUNT}`);
    await look(page, "sign-in-providers");
    await press(page, "a[href^='/_estafette/upstream/idp']");
    await look(page, "provider-join");
    await page.fill("#password", "not the password");
    await press(page, SUBMIT);
    await look(page, "provider-join-wrong");
    await focusIsOnWhatIsWrong(page);
    await page.fill("#password", PASSWORD);
    await press(page, SUBMIT);
    assert.equal(path(page), ACCOUNT);
    // Whoever proved themselves long ago is asked again before what cannot be undone.
    await press(page, "form[action^='/_estafette/sign-out'] button");
    provider.provenS = LONG_AGO_S;
    await page.goto(`${site.base}/_estafette/upstream/idp?continue=${ACCOUNT}`);
    assert.equal(path(page), ACCOUNT);
    await page.goto(action("cross_signing_reset"));
    assert.equal(path(page), "/_estafette/upstream/idp/again");
    await look(page, "provider-again");
    await press(page, "a.button:not(.second)");
    await look(page, "provider-not-proven");
    provider.provenS = undefined;
    await page.goto(action("cross_signing_reset"));
    await press(page, "a.button:not(.second)");
    await press(page, SUBMIT);
    await look(page, "provider-keys-reset");
    await page.context().close();
  });

  test(`whoever a provider calls otherwise proves their mailbox ${called}`, async () => {
    const address = addressOf("noe.newly");
    const page = await site.newcomer(reader, address, "main form button[name=without]");
    await press(page, "form[action^='/_estafette/sign-out'] button");
    signInAs(address);
    await page.goto(`${site.base}/_estafette/upstream/idp?continue=${ACCOUNT}`);
    assert.equal(path(page), ACCOUNT);
    await press(page, "form[action^='/_estafette/sign-out'] button");
    provider.subject = `another subject of ${address}`;
    await page.goto(`${site.base}/_estafette/upstream/idp?continue=${ACCOUNT}`);
    await look(page, "provider-join-mailbox");
    await press(page, "main a.button");
    await look(page, "provider-join-mailbox-address");
    assert.equal(await page.inputValue("#address"), address);
    await press(page, SUBMIT);
    await look(page, "provider-join-mailbox-code");
    await page.fill("#code", await site.codeFor(address, 2));
    await press(page, SUBMIT);
    await look(page, "provider-join-last");
    await press(page, "main a.button:not(.second)");
    assert.equal(path(page), ACCOUNT);
    await page.context().close();
  });

  test(`a provider that signs nobody in is named, with another way ${called}`, async () => {
    provider.refuses = true;
    const page = await site.page(reader);
    await page.goto(`${site.base}/_estafette/upstream/idp?continue=${ACCOUNT}`);
    await look(page, "provider-refused");
    assert.match(await page.title(), reader.locale === "fr-FR" ? /^Erreur\s: / : /^Error: /);
    signInAs(addressOf("nobody.here"));
    await page.goto(`${site.base}/_estafette/upstream/idp?continue=${ACCOUNT}`);
    await look(page, "provider-no-account");
    await page.click("main ul.links a");
    await page.waitForSelector("#who");
    await page.context().close();
  });

  test(`a password is chosen by a link, once ${called}`, async () => {
    const address = addressOf("lea.link");
    await (await site.newcomer(reader, address)).context().close();
    const { password_link: link } = await site.admin("users", "reset-password", address);
    const page = await site.page(reader);
    await page.goto(link);
    await look(page, "password-link");
    await page.fill("#password", "short");
    await page.fill("#again", "short");
    await press(page, SUBMIT);
    await look(page, "password-link-wrong");
    await focusIsOnWhatIsWrong(page);
    await page.fill("#password", NEW_PASSWORD);
    await page.fill("#again", NEW_PASSWORD);
    await press(page, SUBMIT);
    assert.equal(path(page), ACCOUNT);
    const again = await site.page(reader);
    await again.goto(link);
    await look(again, "password-link-ended");
    await again.context().close();
    const elsewhere = await signedIn(reader, address, NEW_PASSWORD);
    assert.equal(path(elsewhere), ACCOUNT);
    await elsewhere.context().close();
    await page.context().close();
  });

  test(`whoever knows the password changes it and keeps the devices ${called}`, async () => {
    const address = addressOf("pam.password");
    const page = await site.newcomer(reader, address);
    await press(page, "a[href='/_estafette/account/password']");
    await look(page, "password-change");
    await page.fill("#old", "not the password");
    await page.fill("#password", NEW_PASSWORD);
    await page.fill("#again", NEW_PASSWORD);
    await page.check("#devices");
    await press(page, SUBMIT);
    await look(page, "password-change-wrong");
    await focusIsOnWhatIsWrong(page);
    assert.ok(await page.isChecked("#devices"), "what was chosen is kept");
    await page.fill("#old", PASSWORD);
    await page.fill("#password", NEW_PASSWORD);
    await page.fill("#again", NEW_PASSWORD);
    await page.uncheck("#devices");
    await press(page, SUBMIT);
    await look(page, "password-changed");
    const other = await signedIn(reader, address, NEW_PASSWORD);
    assert.equal(path(other), ACCOUNT);
    await other.context().close();
    await page.context().close();
  });

  test(`somebody hides from the directory and reads another language ${called}`, async () => {
    const page = await site.newcomer(reader, addressOf("pia.profile"));
    await page.goto(action("profile"));
    await look(page, "profile-person");
    await press(page, "form[action='/_estafette/account/directory'] button");
    await look(page, "profile-hidden");
    const other = reader.locale === "fr-FR" ? "en" : "fr";
    await press(page, `button[name=language][value=${other}]`);
    assert.equal(await page.getAttribute("html", "lang"), other);
    await look(page, "profile-other-language");
    await page.context().close();
  });

  test(`somebody signs the other browsers out ${called}`, async () => {
    const address = addressOf("bea.browsers");
    const page = await site.newcomer(reader, address);
    const other = await signedIn(reader, address);
    await page.goto(action("devices_list"));
    await look(page, "browsers");
    const marked = page.locator("main ul li").filter({ hasText: /\((celui-ci|this one)\)/ });
    assert.equal(await marked.count(), 1, "this one is marked");
    const one = page.locator("form[action='/_estafette/account/browsers/end-one']");
    assert.equal(await one.count(), 1, "the other one may be signed out by itself");
    await press(page, "form[action='/_estafette/account/browsers/end'] button");
    await look(page, "browsers-ended");
    assert.equal(await page.locator("form[action='/_estafette/account/browsers/end']").count(), 0);
    await other.goto(`${site.base}${ACCOUNT}`);
    assert.equal(path(other), "/_estafette/sign-in");
    await other.context().close();
    await page.context().close();
  });
}
