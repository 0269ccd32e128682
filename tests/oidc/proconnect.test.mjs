// SPDX-License-Identifier: Apache-2.0
// Signing in by the word of a provider that behaves as ProConnect does.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Browser } from "./browser.mjs";
import { ProConnect } from "./proconnect.mjs";
import { Server, freeUrl } from "./server.mjs";

const TWO_FACTORS = "https://proconnect.gouv.fr/assurance/consistency-checked-2fa";
const person = (given, usual, level, methods) => ({
  given_name: given,
  usual_name: usual,
  email: `${given}.${usual}@interieur.gouv.fr`.toLowerCase(),
  level,
  methods,
});
const people = {
  jean: person("Jean", "Dupont", "eidas1", ["pwd"]),
  marie: person("Marie", "Curie", "eidas2", ["pwd", "otp", "mfa"]),
  paul: person("Paul", "Langevin", "eidas1", ["mail"]),
  irene: person("Irene", "Joliot", TWO_FACTORS, ["hwk", "mfa"]),
  lise: person("Lise", "Meitner", "eidas1", undefined),
};
// What the operator demands, in the configuration of each provider.
const demands = {
  plain: "",
  wished: `acr_values = ["eidas2"]`,
  essential: `acr_values = ["eidas2", "${TWO_FACTORS}"]\nacr_essential = true`,
  factors: `amr_values = ["mfa", "hwk"]\nauthorization_parameters = { idp_hint = "an-idp" }`,
};

let server, proconnect, home;

before(async () => {
  home = await freeUrl();
  const issuer = await freeUrl();
  const clients = Object.keys(demands).map((id) => ({
    client_id: id,
    client_secret: "a secret & more",
    token_endpoint_auth_method: "client_secret_post",
    redirect_uris: [`${home}/_estafette/upstream/${id}/callback`],
    post_logout_redirect_uris: [`${home}/_estafette/sign-in`],
  }));
  proconnect = await ProConnect.start(issuer, clients, people);
  const providers = Object.entries(demands).map(([id, demand]) => `
[[identity.upstream]]
id = "${id}"
name = "Provider ${id}"
issuer = "${issuer}"
client_id = "${id}"
client_secret = "a secret & more"
scope = "openid email given_name usual_name siret idp_id"
domains = ["interieur.gouv.fr"]
vouches_for_email = true
creates_accounts = true
${demand}
`);
  server = await Server.start(home, providers.join(""));
});

after(async () => {
  await server?.stop();
  proconnect?.stop();
});

/** Signs in, coming from our sign-in page, to go to a page of the account. */
async function signIn(browser, provider, who, action = "org.matrix.profile") {
  const onward = encodeURIComponent(`/_estafette/account?action=${action}`);
  await browser.open(`${home}/_estafette/sign-in?continue=${onward}`);
  await browser.click(`Provider ${provider}`);
  if (browser.shows("name=\"login\"")) await browser.submit("/interaction/", { login: who });
}

const isSignedIn = async (browser) => {
  await browser.open(`${home}/_estafette/account`);
  return !browser.shows("name=\"password\"");
};

const refusedAsTooWeak = async (provider, who) => {
  const browser = new Browser();
  await signIn(browser, provider, who);
  assert.equal(browser.status, 403, browser.page);
  assert.ok(browser.shows("You have to prove more of who you are here"), browser.page);
  assert.ok(!(await isSignedIn(browser)));
};

test("an agent signs in, with a name and an address that nobody said to be verified", async () => {
  const browser = new Browser();
  await signIn(browser, "plain", "jean");
  assert.ok(browser.shows("Jean Dupont"), browser.page);
  const hinted = new Browser();
  const hint = encodeURIComponent(people.jean.email);
  await hinted.open(`${home}/_estafette/sign-in?login_hint=${hint}`);
  await hinted.click("Provider plain");
  assert.ok(hinted.shows("name=\"login\""), hinted.page);
});

test("who proved less than is wished for is refused, and told so", () =>
  refusedAsTooWeak("wished", "jean"));

test("who cannot prove what is essential is refused, and told so", () =>
  refusedAsTooWeak("essential", "jean"));

test("who proves what is essential is let in", async () => {
  for (const who of ["marie", "irene"]) {
    const browser = new Browser();
    await signIn(browser, "essential", who);
    assert.ok(browser.shows(people[who].usual_name), browser.page);
  }
});

test("who proved it by less than is demanded, or unsaid how, is refused", async () => {
  for (const who of ["paul", "lise"]) await refusedAsTooWeak("factors", who);
});

test("who proved it by what is demanded is let in", async () => {
  people.nina = person("Nina", "Byers", "eidas1", ["pwd", "mfa"]);
  const browser = new Browser();
  await signIn(browser, "factors", "nina");
  assert.ok(browser.shows("Nina Byers"), browser.page);
});

test("who signs out here can sign out there, and comes back", async () => {
  const browser = new Browser();
  await signIn(browser, "plain", "jean");
  await browser.open(`${home}/_estafette/account`);
  await browser.submit("/_estafette/sign-out", {});
  await browser.click("Provider plain");
  await browser.submit("/session/end/confirm", { logout: "yes" });
  assert.ok(browser.url.startsWith(`${home}/_estafette/sign-in?state=`), browser.url);
  await browser.click("Provider plain");
  assert.ok(browser.shows("name=\"login\""), "the provider asks again");
});

test("a sign-in that asked nothing proves nothing; the session and the mailbox do", async () => {
  const browser = new Browser();
  people.ada = person("Ada", "Lovelace", "eidas1", ["pwd"]);
  await signIn(browser, "plain", "ada");
  const userId = /@[a-z0-9-]+:x\.test/.exec(browser.page)[0];
  const { asked } = proconnect;
  await signIn(new Browser(), "plain", "ada");
  assert.equal(proconnect.asked, asked + 1, "another browser is asked");
  const ways = ["", "&again=yes"];
  for (const way of ways) {
    const onward = encodeURIComponent("/_estafette/account?action=org.matrix.account_deactivate");
    await browser.open(`${home}/_estafette/upstream/plain?continue=${onward}${way}`);
    assert.ok(browser.shows("a code will be sent"), `${way}: ${browser.page}`);
  }
  assert.equal(proconnect.asked, asked + 1, "nobody was asked, and the provider says it was now");

  await browser.submit("/account/prove", {});
  const mail = await server.mail("code");
  assert.ok(mail.includes(people.ada.email));
  const code = /^Subject: (\d{4}) (\d{4})/m.exec(mail).slice(1).join("");
  await browser.submit("/account/prove/code", { code });
  assert.ok(browser.url.endsWith("account_deactivate"), browser.url);

  // As well for leave to replace one's keys.
  await browser.open(`${home}/_estafette/account?action=org.matrix.cross_signing_reset`);
  await browser.submit("/account/cross-signing-reset", {});
  assert.ok(browser.url.endsWith("/account/cross-signing-reset"), browser.url);
  await browser.open(`${home}/_estafette/account?action=org.matrix.account_deactivate`);
  await browser.submit("/account/deactivate", { typed: userId });
  assert.ok(browser.shows("Account deleted"), browser.page);
});
