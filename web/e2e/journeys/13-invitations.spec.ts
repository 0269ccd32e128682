// SPDX-License-Identifier: Apache-2.0
/** People without an account, invited by e-mail: from the field to the conversation. */
import { clean, noSideways } from "../support/look.ts";
import { mailFolder, mailsTo, mailTo } from "../support/mail.ts";
import { freshName } from "../support/matrix.ts";
import { authorize, signUpOnPages, throughPages } from "../support/pages.ts";
import { DESKTOP, expect, type Person, PHONE, type Screen, test } from "../support/person.ts";

test.skip(mailFolder === null, "the mail of this server cannot be read (ESTAFETTE_MAIL)");

const NARROW: Screen = { width: 320, height: 640 };
const address = (name: string, domain: string): string => `${freshName(name)}@${domain}`;

async function look({ page }: Person, screen: string): Promise<void> {
  for (const size of [DESKTOP, PHONE, NARROW]) {
    await page.setViewportSize(size);
    await noSideways(page, `${screen} ${size.width}`);
    await page.screenshot({ path: `test-results/screens/${screen}-${size.width}.png` });
  }
  await page.setViewportSize(DESKTOP);
  await clean(page, screen);
}

async function newRoom({ page }: Person, name: string): Promise<void> {
  await page.getByRole("button", { name: "Nouvelle conversation" }).click();
  await page.getByRole("button", { name: "Créer un salon" }).click();
  await page.getByLabel("Nom du salon").fill(name);
  await page.getByRole("button", { name: "Créer le salon" }).click();
  await expect(page.getByRole("heading", { level: 1, name: new RegExp(name) })).toBeVisible();
}

/** Pastes as a mail program or a spreadsheet gives it. */
async function paste({ page }: Person, text: string): Promise<void> {
  await page.evaluate((list) => navigator.clipboard.writeText(list), text);
  await page.getByLabel("Inviter des personnes").focus();
  await page.keyboard.press("Control+V");
}

test("a pasted list is invited: each is told what happens; pending ones are sent again and taken back; a newcomer arrives", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin");
  await jean.signUp();
  await camille.signUp();
  const { page } = camille;
  const lea = address("lea.petit", "exemple.gouv.fr");
  const paul = address("paul", "exemple.gouv.fr");
  await newRoom(camille, "Projet commun");
  await page.getByRole("button", { name: "Informations" }).click();
  const panel = page.getByLabel("Informations", { exact: true });
  await paste(camille, `Léa Petit <${lea.toUpperCase()}>;\n${paul}, @${jean.username}:bench.test\n@personne.${freshName("x")}:bench.test`);
  const list = panel.getByRole("list", { name: "Personnes à inviter" });
  await expect(list.getByRole("listitem").filter({ hasText: lea })).toContainText("un courriel l’invite à en créer un");
  await expect(list.getByRole("listitem").filter({ hasText: "Jean Martin" })).toBeVisible();
  await expect(list.getByRole("listitem").filter({ hasText: "@personne" })).toContainText("Introuvable");
  await look(camille, "invite-list");
  await panel.getByRole("button", { name: "Inviter 3 personnes" }).click();
  await expect(panel.getByText(`Invitation envoyée : ${lea}, ${paul}, Jean Martin.`)).toBeVisible();
  await expect(list.getByRole("listitem")).toHaveCount(1);
  const pending = panel.getByRole("region", { name: "Invitations par courriel" });
  await expect(pending.locator("[data-pending]")).toHaveCount(2);
  await expect(pending.getByText(lea)).toBeVisible();
  await page.getByRole("button", { name: /changements dans la conversation/ }).click();
  await expect(page.getByText(/Camille Durand a invité l\.\.\.@/)).toBeVisible();
  await look(camille, "invite-pending");

  await pending.getByRole("button", { name: new RegExp(lea) }).click();
  await page.getByRole("menuitem", { name: "Renvoyer le courriel" }).click();
  await expect(panel.getByText(`Courriel renvoyé à ${lea}.`)).toBeVisible();
  await expect.poll(async () => (await mailsTo(lea)).length).toBe(2);
  await expect(pending.locator("[data-pending]")).toHaveCount(2);
  await pending.getByRole("button", { name: new RegExp(paul) }).click();
  await page.getByRole("menuitem", { name: "Annuler l’invitation" }).click();
  await expect(pending.locator("[data-pending]")).toHaveCount(1);
  // Another browser of another member sees that somebody is invited, not the address.
  await jean.accept("Projet commun");
  await jean.page.getByRole("button", { name: "Informations" }).click();
  await expect(jean.page.getByRole("region", { name: "Invitations par courriel" })).toBeVisible();
  await expect(jean.page.getByText(lea)).toHaveCount(0);

  const newcomer = await person("Léa Petit", { pages: true, screen: PHONE, touch: true });
  const [, link = ""] = await mailTo(lea, /(https?:\/\/\S*\/_estafette\/sign-up\S*)/u);
  // The server's public name is nowhere on this machine: the way on it is the same here.
  const { pathname, search } = new URL(link);
  await newcomer.page.goto(pathname + search);
  await throughPages(newcomer, lea);
  await newcomer.page.waitForURL((url) => !url.pathname.startsWith("/_estafette/sign-up"));
  await newcomer.page.screenshot({ path: "test-results/screens/newcomer-after-390.png" });
  // The client takes the sign-up for its own: nobody is asked to sign in who has just signed up.
  await authorize(newcomer);
  await newcomer.accept("Projet commun");
  await newcomer.say("Bonjour à tous");
  await newcomer.sent("Bonjour à tous");
  await expect(camille.message("Bonjour à tous")).toBeVisible();
  await expect(pending).toHaveCount(0);
});

test("a direct conversation with somebody who has no account yet", async ({ person }) => {
  const camille = await person("Camille Durand");
  await camille.signUp();
  const { page } = camille;
  const lea = address("lea.petit", "exemple.gouv.fr");
  const made: string[] = [];
  page.on("request", (request) => { if (request.method() === "POST" && request.url().endsWith("/createRoom")) made.push(request.url()); });
  await page.getByRole("button", { name: "Nouvelle conversation" }).click();
  await page.getByLabel("Chercher une personne").fill(lea);
  await expect(page.getByText("un courriel l’invite à en créer un")).toBeVisible();
  await look(camille, "write-to-address");
  await page.getByRole("button", { name: "Inviter et écrire" }).click();
  await expect(page.getByText(`${lea} n’a pas encore de compte`)).toBeVisible();
  await expect(camille.composer).toHaveCount(0);
  await expect(page.getByRole("link", { name: new RegExp(lea) })).toBeVisible();
  await look(camille, "waiting-for-address");
  // Asking again leads to the same conversation.
  await page.getByRole("button", { name: "Nouvelle conversation" }).click();
  await page.getByLabel("Chercher une personne").fill(lea.toUpperCase());
  await page.getByRole("button", { name: "Inviter et écrire" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByText(`${lea} n’a pas encore de compte`)).toBeVisible();
  await expect(page.getByRole("link", { name: new RegExp(lea) })).toHaveCount(1);
  expect(made.length).toBe(1);

  const newcomer = await person("Léa Petit", { pages: true });
  await signUpOnPages(newcomer, lea);
  await newcomer.accept(camille.name);
  await expect(camille.composer).toBeVisible();
  await camille.say("Bienvenue !");
  await expect(newcomer.message("Bienvenue !")).toBeVisible();
  await newcomer.say("Merci");
  await expect(camille.message("Merci")).toBeVisible();
  await page.getByRole("button", { name: "Personnes" }).click();
  await expect(page.getByRole("link", { name: /Lea Petit/i })).toBeVisible();
});

test("a guest is invited, sees what guests may do, and is shown as one", async ({ person }) => {
  const camille = await person("Camille Durand");
  await camille.signUp();
  const { page } = camille;
  const eve = address("eve.martin", "partenaire.example");
  await newRoom(camille, "Avec un partenaire");
  await page.getByRole("button", { name: "Informations" }).click();
  const panel = page.getByLabel("Informations", { exact: true });
  await panel.getByLabel("Inviter des personnes").fill(`${eve},`);
  await expect(panel.getByText("Personne extérieure à l’administration : un courriel l’invite")).toBeVisible();
  await panel.getByRole("button", { name: "Inviter", exact: true }).click();
  await expect(panel.getByText(`Invitation envoyée : ${eve}.`)).toBeVisible();

  const guest = await person("Ève Martin", { pages: true, screen: PHONE, touch: true });
  await signUpOnPages(guest, eve);
  await guest.accept("Avec un partenaire");
  await guest.say("Merci de votre invitation");
  await expect(camille.message("Merci de votre invitation")).toBeVisible();
  await expect(panel.getByText("Externe", { exact: true })).toBeVisible();
  await look(camille, "guest-badge");
  await guest.page.getByRole("button", { name: "Retour" }).click();
  await guest.page.getByRole("button", { name: "Nouvelle conversation" }).click();
  await expect(guest.page.getByText("Votre compte est celui d’une personne extérieure")).toBeVisible();
  await expect(guest.page.getByLabel("Chercher une personne")).toHaveCount(0);
  await clean(guest.page, "guest");
  await guest.page.screenshot({ path: "test-results/screens/guest-390.png" });
});
