// SPDX-License-Identifier: Apache-2.0
// A second click on a slow network: the browser drops the answer to the first request, with its
// cookie, and shows the answer to the second. The person must not notice.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { PASSWORD, READERS, Site } from "./site.mjs";

const ADDRESS = "lente.connexion@important.fr";

let site;

before(async () => {
  site = await Site.start("[rate_limits]\nenabled = false\n");
});

after(() => site?.stop());

test("two clicks on each button make one account, and sign in to it", async () => {
  const context = await site.browser.newContext(READERS[0]);
  const page = await context.newPage();
  await page.goto(`${site.base}/_estafette/sign-up?continue=/_estafette/account`);
  const network = await context.newCDPSession(page);
  await network.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 400,
    downloadThroughput: 1e6,
    uploadThroughput: 1e6,
  });
  await page.fill("#address", ADDRESS);
  await clickTwice(page, "/_estafette/sign-up/code");
  await page.fill("#code", await site.codeFor(ADDRESS, 1));
  await clickTwice(page, "/_estafette/sign-up/account");
  await page.fill("#password", PASSWORD);
  await page.fill("#again", PASSWORD);
  await clickTwice(page, "/_estafette/account");
  assert.match(await page.textContent("main"), new RegExp(ADDRESS));
  await context.close();
});

/** Clicks again while the first request is under way, and waits for where both lead. */
async function clickTwice(page, leadsTo) {
  const sent = [];
  page.on("request", (request) => {
    if (request.method() === "POST") sent.push(request);
  });
  const button = page.locator("main form button[type=submit]").first();
  const box = await button.boundingBox();
  await page.mouse.click(box.x + 5, box.y + 5);
  await bound(() => sent.length === 1, "the first request");
  await page.mouse.click(box.x + 5, box.y + 5);
  // The first navigation is dropped, which is an error to whoever waits for it.
  await bound(() => new URL(page.url()).pathname === leadsTo, `the way to ${leadsTo}`);
  await page.waitForLoadState();
  assert.equal(sent.length, 2, "the second click sent the form again");
  page.removeAllListeners("request");
}

async function bound(condition, what) {
  for (let tries = 0; !condition(); tries += 1) {
    assert.ok(tries < 500, `${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
