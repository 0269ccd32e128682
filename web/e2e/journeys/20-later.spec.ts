// SPDX-License-Identifier: Apache-2.0
/** Without this: whoever wants no recovery code yet can neither write nor read, and is told untruths about it. */
import { clean, noSideways } from "../support/look.ts";
import { mailFolder } from "../support/mail.ts";
import { freshName, PASSWORD } from "../support/matrix.ts";
import { signUpOnPagesWithoutCode } from "../support/pages.ts";
import { DESKTOP, expect, type Person, PHONE, test } from "../support/person.ts";

const REMINDER = "Sans code de récupération, vos messages sont perdus";
const BLOCKED = "vous ne pouvez ni envoyer ni lire de messages chiffrés";

/** Both write and both read, before and after a reload. */
async function converse(one: Person, other: Person): Promise<void> {
  await one.writeTo(other);
  await one.say("Premier message");
  await one.sent("Premier message");
  await other.accept(one.name);
  await expect(other.message("Premier message")).toBeVisible();
  await other.say("Première réponse");
  await expect(one.message("Première réponse")).toBeVisible();
  await expect(one.page.getByText("Chiffré de bout en bout").first()).toBeAttached();
  await one.page.reload();
  await expect(one.message("Première réponse")).toBeVisible();
  await expect(one.page.getByRole("dialog")).toHaveCount(0);
  await one.say("Après avoir rouvert la page");
  await expect(other.message("Après avoir rouvert la page")).toBeVisible();
  await other.page.reload();
  await expect(other.message("Après avoir rouvert la page")).toBeVisible();
  await other.say("Toujours là");
  await expect(one.message("Toujours là")).toBeVisible();
}

test("two people who want no code yet write to each other at once; the reminder stays, a code comes later", async ({ person }) => {
  const camille = await person("Camille Durand", { screen: PHONE, touch: true });
  const jean = await person("Jean Martin");
  await camille.signUpWithoutCode();
  await jean.signUpWithoutCode();
  await converse(jean, camille);
  await camille.page.getByRole("button", { name: "Retour" }).click();
  for (const [one, width] of [[camille, 390], [jean, 1280]] as const) {
    await expect(one.page.getByText(REMINDER)).toBeVisible();
    await clean(one.page, `reminder, ${width}`);
    await noSideways(one.page, `reminder, ${width}`);
    await one.page.screenshot({ path: `test-results/screens/later-${width}.png` });
  }

  const { page } = jean;
  await page.getByRole("button", { name: "Réglages" }).click();
  await page.getByRole("button", { name: "Se déconnecter" }).click();
  const leaving = page.getByRole("dialog").last();
  await expect(leaving.getByText("l’identité à laquelle vos correspondants vous reconnaissent")).toBeVisible();
  await page.screenshot({ path: "test-results/screens/later-leaving-1280.png" });
  await leaving.getByRole("button", { name: "Obtenir mon code d’abord" }).click();
  jean.code = (await page.locator("[data-recovery-code]").innerText()).replace(/\s+/g, " ").trim();
  await page.getByLabel("J’ai conservé mon code en lieu sûr").check();
  await page.getByRole("button", { name: "Continuer" }).click();
  await expect(page.getByText(REMINDER)).toHaveCount(0);

  // The code gives back what was written before there was one.
  const second = await person("Jean Martin", { username: jean.username });
  await second.signIn();
  await withCode(second, jean.code);
  await second.open(camille.name);
  await expect(second.message("Premier message")).toBeVisible();
  await expect(second.message("Toujours là")).toBeVisible();
});

test("who signs up on the server's pages and wants no code yet writes and reads at once", async ({ person }) => {
  test.skip(mailFolder === null, "the mail of this server cannot be read (ESTAFETTE_MAIL)");
  const jean = await person("Jean Martin");
  const camille = await person("Camille Durand", { screen: DESKTOP, pages: true });
  await jean.signUpWithoutCode();
  await signUpOnPagesWithoutCode(camille, `${freshName("camille.durand")}@exemple.gouv.fr`);
  await camille.writeTo(jean);
  await camille.say("Premier message");
  await camille.sent("Premier message");
  await jean.accept(/Camille/);
  await expect(jean.message("Premier message")).toBeVisible();
  await jean.say("Bien reçu");
  await expect(camille.message("Bien reçu")).toBeVisible();
});

test("a server that shows an identity never gets another: the second device waits to be confirmed", async ({ person }) => {
  const camille = await person("Camille Durand");
  await camille.signUpWithoutCode();
  const second = await person("Camille Durand", { username: camille.username });
  const uploads: string[] = [];
  second.context.on("request", (request) => { if (request.url().includes("device_signing/upload")) uploads.push(request.url()); });
  await second.signIn();
  await expect(second.page.getByRole("heading", { name: "Confirmez cet appareil" })).toBeVisible();
  await second.putOff();
  await second.page.reload();
  await expect(second.page.getByText(BLOCKED)).toBeVisible();
  expect(uploads).toEqual([]);
});

test("what is written before the server took the identity says so, and leaves by itself once it did", async ({ person }) => {
  const jean = await person("Jean Martin");
  await jean.signUpWithoutCode();
  const camille = await person("Camille Durand");
  await camille.context.route("**/keys/device_signing/upload", (route) => route.fulfill({
    status: 503, contentType: "application/json", body: JSON.stringify({ errcode: "M_UNKNOWN", error: "not now" }),
  }));
  await camille.signUpWithoutCode();
  await expect(camille.page.getByText(BLOCKED)).toBeVisible();
  await camille.writeTo(jean);
  await camille.say("Écrit trop tôt");
  const refused = camille.message("Écrit trop tôt").getByRole("alert");
  await expect(refused).toContainText("Le chiffrement de votre compte n’est pas encore prêt");
  await expect(refused).not.toContainText("serveur");
  await camille.page.screenshot({ path: "test-results/screens/no-identity-1280.png" });
  await camille.context.unroute("**/keys/device_signing/upload");
  // Tried again now and then.
  await expect(camille.message("Écrit trop tôt").locator("[title='Envoyé']")).toBeVisible({ timeout: 180_000 });
  await expect(camille.page.getByText(REMINDER)).toBeVisible();
  await jean.accept(camille.name);
  await expect(jean.message("Écrit trop tôt")).toBeVisible();
});

for (const way of ["emoji", "emoji alone, without any code", "code"] as const) {
  test(`a device not confirmed says that it neither sends nor reads; confirmed by ${way} it does both`, async ({ person }) => {
    const camille = await person("Camille Durand");
    const jean = await person("Jean Martin");
    if (way === "emoji alone, without any code") await camille.signUpWithoutCode();
    else await camille.signUp();
    await jean.signUpWithoutCode();
    await camille.writeTo(jean);
    await camille.say("Bonjour Jean");
    await jean.accept(camille.name);
    await expect(jean.message("Bonjour Jean")).toBeVisible();

    const screen = way === "emoji" ? PHONE : DESKTOP;
    const second = await person("Camille Durand", { username: camille.username, screen, touch: screen === PHONE });
    await second.signIn();
    await expect(second.page.getByRole("heading", { name: "Confirmez cet appareil" })).toBeVisible();
    await second.page.screenshot({ path: `test-results/screens/unconfirmed-offer-${screen.width}.png` });
    await second.putOff();
    await expect(second.page.getByText(BLOCKED)).toBeVisible();
    await expect(second.page.getByRole("button", { name: "Masquer jusqu’à la prochaine connexion" })).toHaveCount(0);
    await second.page.screenshot({ path: `test-results/screens/unconfirmed-list-${screen.width}.png` });
    await second.open(jean.name);
    await jean.say("Une question pour toi");
    await jean.sent("Une question pour toi");
    await expect(second.page.locator("article details").last()).toBeVisible();
    await second.say("Écrit trop tôt");
    const refused = second.message("Écrit trop tôt").getByRole("alert");
    await expect(refused).toContainText("Cet appareil n’est pas confirmé");
    await expect(refused).not.toContainText("serveur");
    await expect(refused.getByRole("button", { name: "Renvoyer" })).toHaveCount(0);
    await clean(second.page, `unconfirmed, ${screen.width}`);
    await noSideways(second.page, `unconfirmed, ${screen.width}`);
    await second.page.screenshot({ path: `test-results/screens/unconfirmed-${screen.width}.png` });
    await second.page.reload();
    await refused.getByRole("button", { name: "Confirmer cet appareil" }).click();

    if (way === "code") await withCode(second, camille.code);
    else await withEmoji(second, camille);
    await expect(second.message("Bonjour Jean")).toBeVisible();
    await expect(second.message("Une question pour toi")).toBeVisible();
    // What was written too early leaves by itself.
    await second.sent("Écrit trop tôt");
    await expect(jean.message("Écrit trop tôt")).toBeVisible();
    await expect(camille.message("Écrit trop tôt")).toBeVisible();
    await jean.say("Et maintenant ?");
    await expect(second.message("Et maintenant ?")).toBeVisible();
    await expect(second.page.getByText(BLOCKED)).toHaveCount(0);
    await second.page.screenshot({ path: `test-results/screens/confirmed-${screen.width}.png` });
  });
}

test("whose verified identity changed is written to again once it is verified anew", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin");
  await camille.signUp();
  await jean.signUp();
  await camille.writeTo(jean);
  await camille.say("Bonjour");
  await jean.accept(camille.name);
  await expect(jean.message("Bonjour")).toBeVisible();
  await camille.page.getByRole("button", { name: "Informations" }).click();
  await verifyEachOther(camille, jean);
  await camille.page.getByRole("button", { name: "Informations" }).click();

  const anew = await person("Jean Martin", { username: jean.username });
  await anew.signIn();
  const { page } = anew;
  // The request of a moment ago may reach this device too, whenever it does.
  const request = page.getByRole("dialog").filter({ has: page.getByRole("button", { name: "Refuser" }) });
  await page.addLocatorHandler(request, () => request.getByRole("button", { name: "Refuser" }).click());
  const ended = page.getByRole("dialog").filter({ hasText: "La vérification a été interrompue." });
  await page.addLocatorHandler(ended, () => ended.getByRole("button", { name: "Fermer" }).last().click());
  await page.getByRole("button", { name: "Je n’ai ni code ni autre appareil" }).click();
  await page.getByRole("checkbox").check();
  await page.getByRole("button", { name: "Repartir de zéro" }).click();
  const asked = page.getByRole("dialog", { name: "Confirmez votre mot de passe" });
  await asked.getByLabel("Mot de passe").fill(PASSWORD);
  await asked.getByRole("button", { name: "Confirmer" }).click();
  await page.getByLabel("J’ai conservé mon code en lieu sûr").check();
  await page.getByRole("button", { name: "Continuer" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.removeLocatorHandler(request);
  await page.removeLocatorHandler(ended);
  await anew.open(camille.name);

  // The change arrives with the next sync, or a message later.
  const refused = camille.page.getByRole("alert").filter({ hasText: "L’identité vérifiée d’une personne de cette conversation a changé" });
  await expect(async () => {
    await camille.say("Es-tu bien là ?");
    await expect(refused.first()).toBeVisible({ timeout: 10_000 });
  }).toPass({ timeout: 300_000 });
  await expect(refused.first()).not.toContainText("serveur");
  await camille.page.screenshot({ path: "test-results/screens/identity-changed-1280.png" });
  await camille.page.getByRole("button", { name: "Informations" }).click();
  await verifyEachOther(camille, anew);
  await camille.page.getByRole("button", { name: "Renvoyer" }).first().click();
  await expect(anew.message("Es-tu bien là ?").first()).toBeVisible();
});

/** `one` has the details of the conversation open. */
async function verifyEachOther(one: Person, other: Person): Promise<void> {
  await one.page.getByRole("button", { name: "Vérifier l’identité" }).click();
  await other.page.getByRole("button", { name: "Accepter", exact: true }).click();
  await sameEmoji(other, one);
}

async function withCode({ page }: Person, code: string): Promise<void> {
  await page.getByRole("button", { name: "Avec mon code de récupération" }).click();
  await page.getByRole("textbox", { name: "Code de récupération" }).fill(code);
  await page.getByRole("dialog").getByRole("button", { name: "Confirmer cet appareil" }).click();
  await page.getByRole("button", { name: "Ouvrir mes conversations" }).click();
}

async function withEmoji(second: Person, first: Person): Promise<void> {
  await second.page.getByRole("button", { name: "Avec un autre de mes appareils" }).click();
  await first.page.getByRole("button", { name: "Accepter" }).click();
  await sameEmoji(second, first);
  await second.page.getByRole("button", { name: "Ouvrir mes conversations" }).click();
}

async function sameEmoji(second: Person, first: Person): Promise<void> {
  const emoji = first.page.locator("[data-sas]");
  await expect(emoji).toBeVisible();
  await expect(second.page.locator("[data-sas]")).toBeVisible();
  await expect(second.page.locator("[data-sas]")).toHaveText(await emoji.innerText(), { useInnerText: true });
  await second.page.getByRole("button", { name: "Ils sont identiques" }).click();
  await first.page.getByRole("button", { name: "Ils sont identiques" }).click();
  for (const { page } of [first, second]) {
    await expect(page.getByText("C’est vérifié")).toBeVisible({ timeout: 120_000 });
    await page.getByRole("dialog").last().getByRole("button", { name: "Fermer" }).last().click();
  }
}
