// SPDX-License-Identifier: Apache-2.0
// From an e-mail address to an account, in a real browser with keyboard alone: every page of it is
// accessible (axe), no wider than a small phone, and loses nothing that was typed.
// ESTAFETTE_BIN names the server, CHROMIUM the browser, PICTURES a folder for screenshots.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const binary = process.env.ESTAFETTE_BIN;
assert.ok(binary, "ESTAFETTE_BIN names no server");

const WITHIN_MS = 30_000;
const PASSWORD = "ocean lantern granite violin";
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const READERS = [
  { locale: "fr-FR", colorScheme: "light", viewport: { width: 320, height: 640 } },
  { locale: "en-GB", colorScheme: "dark", viewport: { width: 1280, height: 800 } },
];

let base, browser, folder, server;

/** Waits until `found` gives something, a bounded time. */
async function eventually(found, what) {
  const until = Date.now() + WITHIN_MS;
  for (;;) {
    const value = await found().catch(() => undefined);
    if (value) return value;
    assert.ok(Date.now() < until, `${what} does not happen`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  return port;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "estafette-"));
  const port = await freePort();
  base = `http://127.0.0.1:${port}`;
  await writeFile(join(folder, "policy.toml"), `
[organisations.important]
name = "Ministère important"
label = "Important"
domains = ["important.fr"]

[organisations.other]
name = "Un autre ministère au nom plutôt long"
homeserver = "other.example"
url = "https://chat.other.example"
domains = ["other.fr"]
`);
  await writeFile(join(folder, "estafette.toml"), `
server_name = "localhost"
data_dir = "${folder}/data"
listener.address = "127.0.0.1:${port}"
[rate_limits]
enabled = false
[identity.sign_up]
enabled = true
[identity.policy]
file = "${folder}/policy.toml"
[identity.mail]
transport = "folder"
from = "Estafette <no-reply@x.fr>"
folder = "${folder}/mail"
[identity.validity]
period_days = 90
`);
  const options = { stdio: ["ignore", "inherit", "inherit"] };
  server = spawn(binary, ["serve", "--config", join(folder, "estafette.toml")], options);
  await eventually(async () => (await fetch(`${base}/_matrix/client/versions`)).ok, "readiness");
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
});

after(async () => {
  await browser?.close();
  server?.kill();
  if (server) await once(server, "exit");
  await rm(folder, { recursive: true, force: true });
});

/** The code of the newest mail to `address`, once there are `count` mails to it. */
function codeFor(address, count) {
  return eventually(async () => {
    const names = (await readdir(join(folder, "mail"))).filter((name) => name.endsWith(".eml"));
    const mails = await Promise.all(names.map(async (name) => ({
      id: Number(name.split("-")[1].split(".")[0]),
      text: await readFile(join(folder, "mail", name), "utf8"),
    })));
    const mine = mails.filter((mail) => mail.text.includes(`To: ${address}\r\n`));
    if (mine.length < count) return undefined;
    const newest = mine.sort((a, b) => b.id - a.id)[0].text;
    return /Subject: (\d{6})/u.exec(newest)?.[1];
  }, `a mail to ${address}`);
}

/** What is wrong with the page that is shown. */
async function look(page, name) {
  const found = await new AxeBuilder({ page }).withTags(RULES).analyze();
  const violations = found.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]);
  assert.deepEqual(violations, [], name);
  const tooWide = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth > clientWidth;
  });
  assert.ok(!tooWide, `${name} scrolls sideways`);
  assert.equal(await page.locator("h1").count(), 1, `${name} has one heading`);
  if (!process.env.PICTURES) return;
  const path = join(process.env.PICTURES, `${name}-${page.viewportSize().width}.png`);
  await page.screenshot({ path, fullPage: true });
}

/** Reaches a field with the Tab key alone, and types. */
async function tabTo(page, selector, text) {
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.locator(`${selector}:focus`).count() === 1) {
      await page.keyboard.press("Control+A");
      await page.keyboard.type(text);
      return;
    }
  }
  assert.fail(`${selector} is out of the keyboard's reach`);
}

/** Sends the form with the Enter key. */
async function enter(page) {
  const loaded = page.waitForEvent("load");
  await page.keyboard.press("Enter");
  await loaded;
}

async function focusIsOnWhatIsWrong(page) {
  assert.equal(await page.locator(".summary:focus").count(), 1, "what is wrong has the focus");
}

for (const reader of READERS) {
  const size = reader.viewport.width;
  const address = `jeanne.d'arc-${size}@important.fr`;

  test(`an address becomes an account (${reader.locale}, ${size} px)`, async () => {
    const context = await browser.newContext({ ...reader, javaScriptEnabled: true });
    const page = await context.newPage();
    await page.goto(`${base}/_estafette/sign-up?continue=/_estafette/account/address`);
    await look(page, "sign-up");
    await tabTo(page, "#address", "a@evil.fr@important.fr");
    await enter(page);
    await look(page, "sign-up-malformed");
    await focusIsOnWhatIsWrong(page);
    assert.equal(await page.inputValue("#address"), "a@evil.fr@important.fr");
    await tabTo(page, "#address", "a@other.fr");
    await enter(page);
    await look(page, "sign-up-elsewhere");
    await page.goto(`${base}/_estafette/sign-up?continue=/_estafette/account/address`);
    await tabTo(page, "#address", address);
    await enter(page);
    await look(page, "sign-up-code");
    const code = await codeFor(address, 1);
    await tabTo(page, "#code", String((Number(code) + 1) % 1_000_000).padStart(6, "0"));
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
    await page.goto(`${base}/_estafette/renew`);
    await look(page, "renew");
    await context.close();
  });

  test(`a forgotten password is replaced (${reader.locale}, ${size} px)`, async () => {
    const context = await browser.newContext(reader);
    const page = await context.newPage();
    await page.goto(`${base}/_estafette/password/reset?continue=/_estafette/account/address`);
    await look(page, "reset");
    await tabTo(page, "#address", address);
    await enter(page);
    await tabTo(page, "#code", await codeFor(address, 2));
    await enter(page);
    await look(page, "reset-new");
    await tabTo(page, "#password", `${PASSWORD} again`);
    await tabTo(page, "#again", `${PASSWORD} again`);
    await enter(page);
    assert.equal(new URL(page.url()).pathname, "/_estafette/account/address");
    await page.goto(`${base}/_estafette/renew?token=unknown`);
    await look(page, "renew-unknown");
    await context.close();
  });

  test(`nobody needs a password (${reader.locale}, ${size} px)`, async () => {
    const mailbox = `ada.martin-${size}@important.fr`;
    const context = await browser.newContext(reader);
    const page = await context.newPage();
    await page.goto(`${base}/_estafette/sign-up?continue=/_estafette/account`);
    await tabTo(page, "#address", mailbox);
    await enter(page);
    await tabTo(page, "#code", await codeFor(mailbox, 1));
    await enter(page);
    await page.locator("button[name=without]").focus();
    await enter(page);
    assert.equal(new URL(page.url()).pathname, "/_estafette/account");
    await context.clearCookies();
    await page.goto(`${base}/_estafette/sign-in?continue=/_estafette/account/address`);
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
    await tabTo(page, "#code", await codeFor(mailbox, 2));
    await enter(page);
    assert.equal(new URL(page.url()).pathname, "/_estafette/account/address");
    await look(page, "address-without-password");
    assert.equal(await page.locator("#password").count(), 0, "there is none to ask for");
    await context.close();
  });
}
