// SPDX-License-Identifier: Apache-2.0
// A second click on a slow network: the browser drops the answer to the first request, with its
// cookie, and shows the answer to the second. The person must not notice.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { newContext, PASSWORD, READERS, Site, WITHIN_MS } from "./site.mjs";

const ADDRESS = "lente.connexion@important.fr";

let site;

before(async () => {
  site = await Site.start("[rate_limits]\nenabled = false\n");
});

after(() => site?.stop());

test("two clicks on each button make one account, and sign in to it", async () => {
  const context = await newContext(site.browser, READERS[0]);
  const page = await context.newPage();
  await page.goto(`${site.base}/_estafette/sign-up?continue=/_estafette/account`);
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

/** Clicks again while the first request is under way, and waits for where both lead. The server
 * acts upon the first before the second is sent; the browser never gets its answer. */
async function clickTwice(page, leadsTo) {
  const cookies = await page.context().cookies();
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  const answers = [];
  let sent = 0;
  await page.route("**", async (route) => {
    const request = route.request();
    if (request.method() === "POST") sent += 1;
    if (request.method() !== "POST" || sent > 1) return route.continue();
    const answer = await fetch(request.url(), {
      method: "POST",
      headers: { ...request.headers(), cookie },
      body: request.postDataBuffer(),
      redirect: "manual",
    });
    answers.push(answer.status);
    return undefined;
  });
  const button = page.locator("main form button[type=submit]").first();
  const box = await button.boundingBox();
  await page.mouse.click(box.x + 5, box.y + 5);
  await bound(() => answers.length === 1, "the answer to the first request");
  assert.equal(answers[0], 303);
  await page.mouse.click(box.x + 5, box.y + 5);
  // The first navigation is dropped, which is an error to whoever waits for it.
  await bound(() => new URL(page.url()).pathname === leadsTo, `the way to ${leadsTo}`);
  await page.waitForLoadState();
  assert.equal(sent, 2, "the second click sent the form again");
  await page.unroute("**");
}

async function bound(condition, what) {
  for (const until = Date.now() + WITHIN_MS; !condition(); ) {
    assert.ok(Date.now() < until, `${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
