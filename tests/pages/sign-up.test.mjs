// SPDX-License-Identifier: Apache-2.0
// From an e-mail address to an account, in a real browser with keyboard alone: every page of it is
// accessible (axe), no wider than a small phone, and loses nothing that was typed.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  enter, focusIsOnWhatIsWrong, look, newContext, PASSWORD, READERS, Site, tabTo,
} from "./site.mjs";

let site;

before(async () => {
  site = await Site.start("[rate_limits]\nenabled = false\n");
});

after(() => site?.stop());

for (const reader of READERS) {
  const size = reader.viewport.width;
  const address = `jeanne.d'arc-${size}@important.fr`;

  test(`an address becomes an account (${reader.locale}, ${size} px)`, async () => {
    const context = await newContext(site.browser, { ...reader, javaScriptEnabled: true });
    const page = await context.newPage();
    await page.goto(`${site.base}/_estafette/sign-up?continue=/_estafette/account/address`);
    await look(page, "sign-up");
    await tabTo(page, "#address", "a@evil.fr@important.fr");
    await enter(page);
    await look(page, "sign-up-malformed");
    await focusIsOnWhatIsWrong(page);
    assert.equal(await page.inputValue("#address"), "a@evil.fr@important.fr");
    await tabTo(page, "#address", "jeanne@nowhere-that-is-known.fr");
    await enter(page);
    await look(page, "sign-up-nobodys");
    await focusIsOnWhatIsWrong(page);
    assert.equal(await page.inputValue("#address"), "jeanne@nowhere-that-is-known.fr");
    await tabTo(page, "#address", "a@other.fr");
    await enter(page);
    await look(page, "sign-up-elsewhere");
    await page.goto(`${site.base}/_estafette/sign-up?continue=/_estafette/account/address`);
    await tabTo(page, "#address", address);
    await enter(page);
    await look(page, "sign-up-code");
    const code = await site.codeFor(address, 1);
    await tabTo(page, "#code", String((Number(code) + 1) % 100_000_000).padStart(8, "0"));
    await enter(page);
    await look(page, "sign-up-code-wrong");
    await focusIsOnWhatIsWrong(page);
    await tabTo(page, "#code", code);
    await enter(page);
    await look(page, "sign-up-account");
    await tabTo(page, "#password", "password1234");
    await enter(page);
    await look(page, "sign-up-weak");
    await focusIsOnWhatIsWrong(page);
    await tabTo(page, "#password", PASSWORD);
    await tabTo(page, "#again", PASSWORD);
    await enter(page);
    assert.equal(new URL(page.url()).pathname, "/_estafette/account/address");
    await look(page, "address");
    await page.goto(`${site.base}/_estafette/renew`);
    await look(page, "renew");
    await context.close();
  });

  test(`a forgotten password is replaced (${reader.locale}, ${size} px)`, async () => {
    const context = await newContext(site.browser, reader);
    const page = await context.newPage();
    await page.goto(`${site.base}/_estafette/password/reset?continue=/_estafette/account/address`);
    await look(page, "reset");
    await tabTo(page, "#address", address);
    await enter(page);
    await tabTo(page, "#code", await site.codeFor(address, 2));
    await enter(page);
    await look(page, "reset-new");
    await tabTo(page, "#password", `${PASSWORD} again`);
    await tabTo(page, "#again", `${PASSWORD} again`);
    await enter(page);
    assert.equal(new URL(page.url()).pathname, "/_estafette/account/address");
    await page.goto(`${site.base}/_estafette/renew?token=unknown`);
    await look(page, "renew-unknown");
    await context.close();
  });

  test(`nobody needs a password (${reader.locale}, ${size} px)`, async () => {
    const mailbox = `ada.martin-${size}@important.fr`;
    const context = await newContext(site.browser, reader);
    const page = await context.newPage();
    await page.goto(`${site.base}/_estafette/sign-up?continue=/_estafette/account`);
    await tabTo(page, "#address", mailbox);
    await enter(page);
    await tabTo(page, "#code", await site.codeFor(mailbox, 1));
    await enter(page);
    await page.locator("button[name=without]").focus();
    await enter(page);
    assert.equal(new URL(page.url()).pathname, "/_estafette/account");
    await context.clearCookies();
    await page.goto(`${site.base}/_estafette/sign-in?continue=/_estafette/account/address`);
    await look(page, "sign-in");
    await page.locator("a[href^='/_estafette/sign-in/mail']").click();
    await look(page, "sign-in-mail");
    await tabTo(page, "#address", "a@b@important.fr");
    await enter(page);
    await look(page, "sign-in-mail-malformed");
    await focusIsOnWhatIsWrong(page);
    await tabTo(page, "#address", mailbox);
    await enter(page);
    await look(page, "sign-in-code");
    await tabTo(page, "#code", await site.codeFor(mailbox, 2));
    await enter(page);
    assert.equal(new URL(page.url()).pathname, "/_estafette/account/address");
    await look(page, "address-without-password");
    assert.equal(await page.locator("#password").count(), 0, "there is none to ask for");
    await context.close();
  });
}
