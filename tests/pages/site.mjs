// SPDX-License-Identifier: Apache-2.0
// A server with a policy and a mail folder of its own, and the eyes and hands of the tests of its
// pages: axe, small screens, the keyboard. ESTAFETTE_BIN names the server's binary, CHROMIUM the
// browser, PICTURES a folder for screenshots.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

import { freePort } from "../ports.mjs";

/** Longest wait for anything. */
export const WITHIN_MS = 120_000;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export const READERS = [
  { locale: "fr-FR", colorScheme: "light", viewport: { width: 320, height: 640 } },
  { locale: "en-GB", colorScheme: "dark", viewport: { width: 1280, height: 800 } },
];

const POLICY = `
[organisations.important]
name = "Ministère important"
label = "Important"
domains = ["important.fr"]

[organisations.other]
name = "Un autre ministère au nom plutôt long"
homeserver = "other.example"
url = "https://chat.other.example"
domains = ["other.fr"]
`;

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

/** What a mail says, without the line breaks of its transfer encoding. */
function readable(text) {
  const unfolded = text.replace(/=\r?\n/gu, "");
  return unfolded.replace(/=([0-9A-F]{2})/gu, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}

/** A password that is accepted. */
export const PASSWORD = "ocean lantern granite violin";
/** The page of one's account. */
export const ACCOUNT = "/_estafette/account";
/** The buttons that send the form of a page. */
export const SUBMIT = "main form button[type=submit]";

/** A running server and a browser. */
export class Site {
  #server;

  /**
   * `settings` is appended to the configuration file, `signUp` to its part on signing up, and
   * `policy` to the policy.
   */
  static async start(settings = "", { signUp = "", policy = "" } = {}) {
    const site = new Site();
    const binary = process.env.ESTAFETTE_BIN;
    assert.ok(binary, "ESTAFETTE_BIN names no server");
    site.folder = await mkdtemp(join(tmpdir(), "estafette-"));
    const port = await freePort();
    site.base = `http://127.0.0.1:${port}`;
    await writeFile(join(site.folder, "policy.toml"), POLICY + policy);
    site.config = join(site.folder, "estafette.toml");
    await writeFile(site.config, `
server_name = "localhost"
public_base_url = "${site.base}"
data_dir = "${site.folder}/data"
listener.address = "127.0.0.1:${port}"
[identity.sign_up]
enabled = true
${signUp}
[identity.policy]
file = "${site.folder}/policy.toml"
[identity.mail]
transport = "folder"
from = "Estafette <no-reply@x.fr>"
folder = "${site.folder}/mail"
[identity.validity]
period_days = 90
${settings}
`);
    const options = { stdio: ["ignore", "inherit", "inherit"] };
    site.#server = spawn(binary, ["serve", "--config", site.config], options);
    const ready = async () => (await fetch(`${site.base}/_matrix/client/versions`)).ok;
    await eventually(ready, "readiness");
    site.browser = await launch();
    return site;
  }

  async stop() {
    await this.browser?.close();
    if (this.#server && this.#server.exitCode === null && this.#server.signalCode === null) {
      this.#server.kill();
      await once(this.#server, "exit");
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  /**
   * Signs somebody up with [PASSWORD], or without where they press that button, in a browser of
   * their own: their account's page.
   */
  async newcomer(reader, address, button = "main form button[type=submit]:not([name])") {
    const page = await this.page(reader);
    await page.goto(`${this.base}/_estafette/sign-up?continue=${ACCOUNT}`);
    await page.fill("#address", address);
    await press(page, SUBMIT);
    await page.fill("#code", await this.codeFor(address, 1));
    await press(page, SUBMIT);
    await page.fill("#password", PASSWORD);
    await page.fill("#again", PASSWORD);
    await press(page, button);
    assert.equal(new URL(page.url()).pathname, ACCOUNT);
    return page;
  }

  /** What `estafette admin` says of an act that must succeed. */
  async admin(...words) {
    const act = ["admin", "--config", this.config, "--json", ...words];
    const { stdout } = await promisify(execFile)(process.env.ESTAFETTE_BIN, act);
    return JSON.parse(stdout).done;
  }

  /** The mails to `address`, newest first, once there are `count` of them. */
  mails(address, count) {
    return eventually(async () => {
      const folder = join(this.folder, "mail");
      const names = (await readdir(folder)).filter((name) => name.endsWith(".eml"));
      const mails = await Promise.all(names.map(async (name) => ({
        id: Number(name.split("-")[1].split(".")[0]),
        text: readable(await readFile(join(folder, name), "utf8")),
      })));
      const mine = mails.filter((mail) => mail.text.includes(`To: ${address}\r\n`));
      mine.sort((a, b) => b.id - a.id);
      return mine.length >= count ? mine.map((mail) => mail.text) : undefined;
    }, `a mail to ${address}`);
  }

  /** The code of the newest mail to `address`, once there are `count` mails to it. */
  async codeFor(address, count) {
    const [newest] = await this.mails(address, count);
    return /Subject: (\d{4} \d{4})/u.exec(newest)[1].replace(" ", "");
  }

  /** A page of a browser of its own. */
  async page(reader) {
    const context = await newContext(this.browser, reader);
    return context.newPage();
  }
}

/** A browser that asks nobody outside of this machine. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--disable-gpu",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
    timeout: WITHIN_MS,
  });
}

/** Cookies, language and colours of one reader. */
export async function newContext(browser, reader) {
  const context = await browser.newContext(reader);
  context.setDefaultTimeout(WITHIN_MS);
  return context;
}

/** What is wrong with the page that is shown. */
export async function look(page, name) {
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
export async function tabTo(page, selector, text) {
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
export async function enter(page) {
  const loaded = page.waitForEvent("load");
  await page.keyboard.press("Enter");
  await loaded;
}

/** Presses a button and waits for the page that it leads to. */
export async function press(page, button) {
  const loaded = page.waitForEvent("load");
  await page.click(button);
  await loaded;
}

/** Waits for it: a browser gives the focus when it first draws the page, after it was loaded. */
export async function focusIsOnWhatIsWrong(page) {
  await page.locator(".summary:focus").waitFor();
}
