// SPDX-License-Identifier: Apache-2.0
// The pages that few people see: an account that there is already or that was closed, another
// organisation's address, a code asked for too early, a suspended account, a guest, the terms of
// use; and a whole sign-up in a browser that runs no scripts.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  ACCOUNT, focusIsOnWhatIsWrong, look, newContext, PASSWORD, press, READERS, Site, SUBMIT,
} from "./site.mjs";

let site;

before(async () => {
  site = await Site.start("[rate_limits]\nenabled = false\n");
});

after(() => site?.stop());

const path = (page) => new URL(page.url()).pathname;

/** Types an address on one of the pages that send a code to it. */
async function ask(page, start, address, base = site.base) {
  await page.goto(`${base}${start}?continue=${ACCOUNT}`);
  await page.fill("#address", address);
  await press(page, SUBMIT);
}

/** Proves a mailbox to sign up with, to which `count` mails were sent by then. */
async function prove(page, address, count, at = site) {
  await ask(page, "/_estafette/sign-up", address, at.base);
  await page.fill("#code", await at.codeFor(address, count));
  await press(page, SUBMIT);
}

async function userOf(address) {
  const shown = await site.admin("users", "show", address);
  return shown.user_id;
}

for (const reader of READERS) {
  const size = reader.viewport.width;
  const called = `(${reader.locale}, ${size} px)`;
  const addressOf = (name) => `${name}-${size}@important.fr`;

  test(`who has an account already is shown every way into it ${called}`, async () => {
    const address = addressOf("ed.exists");
    await (await site.newcomer(reader, address)).context().close();
    const page = await site.page(reader);
    await prove(page, address, 2);
    await look(page, "exists");
    await press(page, "main a[href^='/_estafette/sign-in/mail']");
    assert.equal(await page.inputValue("#address"), address);
    await look(page, "exists-by-code");
    await page.context().close();
  });

  test(`an account that was ended is brought back, or stays closed ${called}`, async () => {
    const [own, closed] = [addressOf("bea.back"), addressOf("cam.closed")];
    const page = await site.newcomer(reader, own);
    await page.goto(`${site.base}${ACCOUNT}?action=org.matrix.account_deactivate`);
    await look(page, "deactivate");
    await page.fill("#typed", "somebody else");
    await page.check("#erase");
    await press(page, "button.danger");
    await look(page, "deactivate-mistyped");
    await focusIsOnWhatIsWrong(page);
    assert.ok(await page.isChecked("#erase"), "what was ticked is kept");
    await page.uncheck("#erase");
    await page.fill("#typed", await userOf(own));
    await press(page, "button.danger");
    await prove(page, own, 2);
    await look(page, "back");
    await page.context().close();

    await (await site.newcomer(reader, closed)).context().close();
    await site.admin("users", "deactivate", await userOf(closed));
    const other = await site.page(reader);
    // The account was told of its end.
    await prove(other, closed, 3);
    await look(other, "closed");
    await press(other, "main .links a");
    assert.equal(path(other), "/_estafette/sign-up");
    await other.context().close();
  });

  test(`a code that is asked for again, and too early ${called}`, async () => {
    const address = addressOf("rob.resend");
    const page = await site.page(reader);
    await ask(page, "/_estafette/sign-up", address);
    const again = "form[action='/_estafette/sign-up'] button";
    await press(page, again);
    await page.locator("p[role=status]:focus").waitFor();
    await look(page, "code-again");
    let codes = 2;
    for (; codes < 20; codes += 1) {
      const answered = page.waitForResponse((response) => response.request().method() === "POST");
      await press(page, again);
      if ((await answered).status() === 429) break;
    }
    assert.ok(codes < 20, "codes are sent without bound");
    await look(page, "code-too-early");
    await page.fill("#code", await site.codeFor(address, codes));
    await press(page, SUBMIT);
    assert.equal(path(page), "/_estafette/sign-up/account");
    await page.context().close();
  });

  test(`whose organisation is elsewhere, or nobody's, is told so ${called}`, async () => {
    const page = await site.page(reader);
    for (const [name, domain] of [["elsewhere", "other.fr"], ["nobodys", "private.fr"]]) {
      await page.goto(`${site.base}/_estafette/sign-in`);
      await page.fill("#who", `ann@${domain}`);
      await page.fill("#password", "not the password");
      await press(page, SUBMIT);
      await focusIsOnWhatIsWrong(page);
      assert.equal(await page.locator("main .notice").count(), 1);
      await look(page, `sign-in-${name}`);
      for (const start of ["/_estafette/sign-in/mail", "/_estafette/password/reset"]) {
        await ask(page, start, `${start.split("/").at(-1)}-${size}@${domain}`);
        assert.equal(path(page), `${start}/code`);
        assert.equal(await page.locator("main .notice").count(), 1);
        await look(page, `${start.split("/").at(-1)}-${name}`);
      }
    }
    await page.context().close();
  });

  test(`a link for somebody else says who is signed in ${called}`, async () => {
    const page = await site.newcomer(reader, addressOf("sue.signed"));
    const invited = addressOf("ivy.invited");
    const hint = `continue=${ACCOUNT}&login_hint=${encodeURIComponent(invited)}`;
    await page.goto(`${site.base}/_estafette/sign-up?${hint}`);
    await look(page, "link-for-somebody-else");
    await press(page, SUBMIT);
    assert.equal(path(page), "/_estafette/sign-up");
    assert.equal(await page.inputValue("#address"), invited);
    await page.context().close();
  });

  test(`a suspended person may look and not act ${called}`, async () => {
    const address = addressOf("sid.suspended");
    const page = await site.newcomer(reader, address);
    await site.admin("users", "suspend", await userOf(address));
    await page.goto(`${site.base}${ACCOUNT}`);
    await look(page, "suspended");
    await page.goto(`${site.base}${ACCOUNT}?action=org.matrix.profile`);
    await press(page, `form[action='${ACCOUNT}/directory'] button`);
    await look(page, "suspended-refused");
    await press(page, "main .links a");
    assert.equal(path(page), ACCOUNT);
    await page.context().close();
  });

  test(`a weak password, another organisation, a page of a form ${called}`, async () => {
    const address = addressOf("wes.weak");
    const page = await site.newcomer(reader, address);
    await page.goto(`${site.base}${ACCOUNT}/address`);
    await page.fill("#address", "wes@private.fr");
    await page.fill("#password", PASSWORD);
    await press(page, SUBMIT);
    await look(page, "address-other-organisation");
    await focusIsOnWhatIsWrong(page);
    await page.goto(`${site.base}/.well-known/change-password`);
    assert.equal(path(page), `${ACCOUNT}/password`);
    await look(page, "change-password");
    await ask(page, "/_estafette/password/reset", address);
    await page.fill("#code", await site.codeFor(address, 2));
    await press(page, SUBMIT);
    await page.fill("#password", "password1234");
    await page.fill("#again", "password1234");
    await press(page, SUBMIT);
    await look(page, "reset-weak");
    await focusIsOnWhatIsWrong(page);
    const posted = await page.goto(`${site.base}/_estafette/sign-out`);
    assert.equal(posted.status(), 405);
    await look(page, "only-posted");
    await page.context().close();
  });
}

test("a guest is told that the address is of no organisation", async () => {
  const guests = await Site.start("[rate_limits]\nenabled = false\n", {
    policy: "[guests]\nname = \"Invités\"\nlabel = \"Externe\"\n",
  });
  try {
    for (const reader of READERS) {
      const page = await guests.page(reader);
      await ask(page, "/_estafette/sign-up", "guest@private.fr", guests.base);
      await look(page, "code-of-a-guest");
      await page.context().close();
    }
  } finally {
    await guests.stop();
  }
});

test("the terms are accepted, and the operator's links stand on every page", async () => {
  const terms = await Site.start(`[rate_limits]
enabled = false
[well_known]
support_page = "https://help.example.fr/"
[[identity.links]]
label_fr = "Mentions légales"
label_en = "Legal notice"
url = "https://example.fr/legal"
[[identity.links]]
label_fr = "Accessibilité : non conforme"
label_en = "Accessibility: not compliant"
url = "https://example.fr/accessibility"
`, { signUp: "terms_url = \"https://example.fr/terms\"\naccept_terms = true\n" });
  try {
    for (const reader of READERS) {
      const address = `tea.terms-${reader.viewport.width}@important.fr`;
      const page = await terms.page(reader);
      await prove(page, address, 1, terms);
      assert.equal(await page.locator("footer nav a").count(), 3);
      await look(page, "terms");
      await page.fill("#password", PASSWORD);
      await page.fill("#again", PASSWORD);
      await press(page, "main form button[type=submit]:not([name])");
      await look(page, "terms-missing");
      await focusIsOnWhatIsWrong(page);
      await page.check("#terms");
      await page.fill("#password", PASSWORD);
      await page.fill("#again", PASSWORD);
      await press(page, "main form button[type=submit]:not([name])");
      assert.equal(path(page), ACCOUNT);
      await page.goto(`${terms.base}${ACCOUNT}?action=org.matrix.profile`);
      await look(page, "terms-accepted");
      await page.context().close();
    }
  } finally {
    await terms.stop();
  }
});

test("somebody signs up, out and in again without any script", async () => {
  const address = "nora.noscript@important.fr";
  const context = await newContext(site.browser, { ...READERS[0], javaScriptEnabled: false });
  const page = await context.newPage();
  await ask(page, "/_estafette/sign-up", "nora@@important.fr");
  assert.equal(await page.inputValue("#address"), "nora@@important.fr");
  await prove(page, address, 1);
  await page.fill("#password", PASSWORD);
  await page.fill("#again", PASSWORD);
  await press(page, "main form button[type=submit]:not([name])");
  assert.equal(path(page), ACCOUNT);
  await press(page, "form[action^='/_estafette/sign-out'] button");
  await page.goto(`${site.base}/_estafette/sign-in?continue=${ACCOUNT}`);
  await page.fill("#who", address);
  await page.fill("#password", PASSWORD);
  await press(page, SUBMIT);
  assert.equal(path(page), ACCOUNT);
  assert.equal(await page.locator("h1").count(), 1);
  await context.close();
});

test("the pages can be read in forced colours", async () => {
  const context = await newContext(site.browser, { ...READERS[0], forcedColors: "active" });
  const page = await context.newPage();
  await page.goto(`${site.base}/_estafette/sign-in`);
  await press(page, SUBMIT);
  await focusIsOnWhatIsWrong(page);
  await look(page, "forced-colours");
  await context.close();
});
