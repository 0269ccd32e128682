// SPDX-License-Identifier: Apache-2.0
// The life of an account on the server's pages, after it was made: renewed, moved to another
// address, locked, expired, ended; and every way in which a page can refuse. Each page is looked at
// with axe on a small phone and on a dark desktop.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  enter, focusIsOnWhatIsWrong, look, PASSWORD, press, READERS, Site, SUBMIT, tabTo,
} from "./site.mjs";

let site;

before(async () => {
  site = await Site.start("[rate_limits]\nenabled = false\n");
});

after(() => site?.stop());

const path = (page) => new URL(page.url()).pathname;

async function signIn(page, address, password = PASSWORD) {
  await page.goto(`${site.base}/_estafette/sign-in?continue=/_estafette/account`);
  await page.fill("#who", address);
  await page.fill("#password", password);
  await press(page, SUBMIT);
}

/** The user id of whoever has the address. */
async function userOf(address) {
  const shown = await site.admin("users", "show", address);
  return shown.user_id;
}

for (const reader of READERS) {
  const size = reader.viewport.width;
  const called = `(${reader.locale}, ${size} px)`;
  const addressOf = (name) => `${name}-${size}@important.fr`;

  test(`an account is renewed by a button in a mail's page ${called}`, async () => {
    const address = addressOf("rene.renew");
    const page = await site.newcomer(reader, address);
    await look(page, "account");
    await page.goto(`${site.base}/_estafette/renew`);
    await look(page, "renew");
    await press(page, SUBMIT);
    await look(page, "renew-sent");
    const [mail] = await site.mails(address, 2);
    const link = /http:\/\/\S+renew\?token=[\w-]+/u.exec(mail)[0];
    const other = await site.page(reader);
    await other.goto(link);
    await look(other, "renew-button");
    await press(other, SUBMIT);
    await look(other, "renewed");
    await other.goto(link);
    await look(other, "renewed-before");
    await page.context().close();
    await other.context().close();
  });

  test(`an expired person is led to the renewal ${called}`, async () => {
    const address = addressOf("eve.expired");
    const page = await site.newcomer(reader, address);
    await site.admin("users", "expire", await userOf(address));
    await page.goto(`${site.base}/_estafette/account`);
    await look(page, "expired");
    await press(page, SUBMIT);
    const [mail] = await site.mails(address, 2);
    await page.goto(/http:\/\/\S+renew\?token=[\w-]+/u.exec(mail)[0]);
    await press(page, SUBMIT);
    await page.goto(`${site.base}/_estafette/account`);
    assert.equal(await page.locator("a[href*='devices_list']").count(), 1, "the account works again");
    await page.context().close();
  });

  test(`a locked person is told so, after the right password only ${called}`, async () => {
    const address = addressOf("lou.locked");
    const page = await site.newcomer(reader, address);
    await site.admin("users", "lock", await userOf(address));
    await page.context().clearCookies();
    await signIn(page, address, "not the password");
    await look(page, "sign-in-refused");
    await focusIsOnWhatIsWrong(page);
    assert.equal(await page.inputValue("#who"), address, "what was typed is kept");
    const refused = await page.locator(".summary").innerText();
    await page.fill("#password", PASSWORD);
    await press(page, SUBMIT);
    await look(page, "locked");
    assert.ok(!(await page.locator("main").innerText()).includes(refused), "it is not the password");
    await page.context().close();
  });

  test(`somebody moves to another address ${called}`, async () => {
    const [address, next] = [addressOf("ann.before"), addressOf("ann.after")];
    const taken = addressOf("tom.taken");
    await (await site.newcomer(reader, taken)).context().close();
    const page = await site.newcomer(reader, address);
    await page.goto(`${site.base}/_estafette/account/address`);
    await page.fill("#address", next);
    await page.fill("#password", "not the password");
    await press(page, SUBMIT);
    await look(page, "address-wrong-password");
    await focusIsOnWhatIsWrong(page);
    assert.equal(await page.inputValue("#address"), next);
    await page.fill("#password", PASSWORD);
    await press(page, SUBMIT);
    await look(page, "address-code");
    const code = await site.codeFor(next, 1);
    await page.fill("#code", String((Number(code) + 1) % 100_000_000).padStart(8, "0"));
    await press(page, SUBMIT);
    await look(page, "address-code-wrong");
    await page.fill("#code", code);
    await press(page, SUBMIT);
    await look(page, "address-confirm");
    await press(page, SUBMIT);
    await look(page, "address-changed");
    await page.goto(`${site.base}/_estafette/account/address`);
    await page.fill("#address", taken);
    await page.fill("#password", PASSWORD);
    await press(page, SUBMIT);
    // Only who reads the mailbox learns that it has an account.
    assert.equal(path(page), "/_estafette/account/address/code");
    await page.fill("#code", await site.codeFor(taken, 2));
    await press(page, SUBMIT);
    if (path(page).endsWith("/done")) await press(page, SUBMIT);
    await look(page, "address-taken");
    assert.notEqual(await userOf(taken), await userOf(next), "nobody was moved");
    await page.context().clearCookies();
    await signIn(page, next);
    assert.equal(path(page), "/_estafette/account");
    await page.context().close();
  });

  test(`a code ends after five wrong tries, and another can be had ${called}`, async () => {
    const address = addressOf("cleo.codes");
    const page = await site.page(reader);
    await page.goto(`${site.base}/_estafette/sign-up`);
    await page.fill("#address", address);
    await press(page, SUBMIT);
    const code = await site.codeFor(address, 1);
    const wrong = String((Number(code) + 1) % 100_000_000).padStart(8, "0");
    for (let tries = 0; tries < 5; tries += 1) {
      await page.fill("#code", wrong);
      await press(page, SUBMIT);
    }
    await look(page, "code-ended");
    assert.equal(await page.locator("#code").count(), 0, "nothing more can be tried");
    await page.click("main a.button");
    await page.waitForSelector("#address");
    await page.context().close();
  });

  test(`an account is deactivated by whoever types what is asked ${called}`, async () => {
    const address = addressOf("dan.done");
    const page = await site.newcomer(reader, address);
    const user = await userOf(address);
    await page.goto(`${site.base}/_estafette/account?action=org.matrix.cross_signing_reset`);
    await press(page, SUBMIT);
    await look(page, "keys-reset-allowed");
    await page.goto(`${site.base}/_estafette/account?action=org.matrix.account_deactivate`);
    await page.fill("#typed", user);
    await press(page, "button.danger");
    await look(page, "deactivated");
    await signIn(page, address);
    await look(page, "sign-in-deactivated");
    assert.equal(path(page), "/_estafette/sign-in");
    await page.context().close();
  });

  test(`a page that cannot be shown says why and leads on ${called}`, async () => {
    const page = await site.page(reader);
    const missing = await page.goto(`${site.base}/_estafette/no-such-page`);
    assert.equal(missing.status(), 404);
    await look(page, "not-found");
    await page.goto(`${site.base}/_estafette/sign-up`);
    await page.context().clearCookies();
    await page.fill("#address", addressOf("fay.form"));
    await press(page, SUBMIT);
    await look(page, "form-too-old");
    await page.context().close();
  });

  test(`signing out leads to the sign-in page ${called}`, async () => {
    const page = await site.newcomer(reader, addressOf("sam.signout"));
    await press(page, "form[action^='/_estafette/sign-out'] button");
    await page.goto(`${site.base}/_estafette/account`);
    assert.equal(path(page), "/_estafette/sign-in");
    await tabTo(page, "#who", "nobody@important.fr");
    await enter(page);
    await look(page, "sign-in-nobody");
    await page.context().close();
  });
}

test("who tries too often is told to wait, and loses nothing typed", async () => {
  const strict = await Site.start("[rate_limits]\nlogin_burst = 1.0\nlogin_per_s = 0.0001\n");
  try {
    const [reader] = READERS;
    const page = await strict.page(reader);
    await page.goto(`${strict.base}/_estafette/sign-in`);
    for (let tries = 0; tries < 3; tries += 1) {
      await page.fill("#who", "somebody@important.fr");
      await page.fill("#password", "not the password");
      await press(page, SUBMIT);
    }
    await look(page, "sign-in-limited");
    assert.equal(await page.inputValue("#who"), "somebody@important.fr");
    await page.context().close();
  } finally {
    await strict.stop();
  }
});
