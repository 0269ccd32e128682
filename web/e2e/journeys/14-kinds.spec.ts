// SPDX-License-Identifier: Apache-2.0
/**
 * Kinds of rooms on a server that keeps guests where they may be (`rooms.access_rules`): private,
 * open to guests, public. Run against a server of its own: such a server also encrypts what is private.
 */
import { clean, noSideways } from "../support/look.ts";
import { mailFolder } from "../support/mail.ts";
import { Api, freshName } from "../support/matrix.ts";
import { signUpOnPages } from "../support/pages.ts";
import { DESKTOP, expect, type Person, PHONE, type Screen, test } from "../support/person.ts";

const NARROW: Screen = { width: 320, height: 640 };

test.beforeEach(async () => {
  const { capabilities } = await (await Api.register(freshName("sonde"), "Sonde")).call("GET", "v3/capabilities");
  const rules = (capabilities as Record<string, { enabled?: boolean } | undefined>)["im.vector.room.access_rules"];
  test.skip(rules?.enabled !== true || mailFolder === null, "this server does not keep guests apart");
});

async function look({ page }: Person, screen: string): Promise<void> {
  for (const size of [PHONE, NARROW, DESKTOP]) {
    await page.setViewportSize(size);
    await noSideways(page, `${screen} ${size.width}`);
    await page.screenshot({ path: `test-results/screens/${screen}-${size.width}.png` });
  }
  await clean(page, screen);
}

const state = (api: Api, room: string, type: string): Promise<Record<string, unknown>> =>
  api.call("GET", `v3/rooms/${encodeURIComponent(room)}/state/${type}/`);

const roomIn = ({ page }: Person): string => decodeURIComponent(/#\/salon\/([^/]+)/.exec(page.url())?.[1] ?? "");

test("a private room is opened to guests before one is invited, and everybody sees it", async ({ person }) => {
  const camille = await person("Camille Durand");
  await camille.signUp();
  const { page } = camille;
  const me = await Api.login(camille.username);
  const eve = `${freshName("eve")}@partenaire.example`;
  await page.getByRole("button", { name: "Nouvelle conversation" }).click();
  await page.getByRole("button", { name: "Créer un salon" }).click();
  await page.getByLabel("Nom du salon").fill("Projet");
  await page.getByRole("button", { name: "Créer le salon" }).click();
  await expect(page.getByRole("heading", { level: 1, name: /Projet/ })).toBeVisible();
  const room = roomIn(camille);
  expect(await state(me, room, "im.vector.room.access_rules")).toMatchObject({ rule: "restricted" });
  expect(await state(me, room, "m.room.encryption")).toMatchObject({ algorithm: "m.megolm.v1.aes-sha2" });

  await page.getByRole("button", { name: "Informations" }).click();
  const panel = page.getByLabel("Informations", { exact: true });
  await panel.getByLabel("Inviter des personnes").fill(`${eve},`);
  await expect(panel.getByText("Cette conversation est réservée aux agents")).toBeVisible();
  await expect(panel.getByRole("button", { name: "Inviter", exact: true })).toBeDisabled();
  await look(camille, "open-to-guests");
  await panel.getByLabel("Ouvrir cette conversation aux personnes extérieures").check();
  await panel.getByRole("button", { name: "Inviter", exact: true }).click();
  await expect(panel.getByText(`Invitation envoyée : ${eve}.`)).toBeVisible();
  await expect(panel.getByText("Ouverte aux externes")).toBeVisible();
  await page.getByRole("button", { name: /changements dans la conversation/ }).click();
  await expect(page.getByText("Camille Durand a ouvert la conversation aux personnes extérieures")).toBeAttached();
  expect(await state(me, room, "im.vector.room.access_rules")).toMatchObject({ rule: "unrestricted" });

  const guest = await person("Ève", { pages: true, screen: PHONE, touch: true });
  await signUpOnPages(guest, eve);
  await guest.accept("Projet");
  await guest.say("Merci de m’accueillir");
  await expect(camille.message("Merci de m’accueillir")).toBeVisible();
  await expect(panel.getByText("Externe", { exact: true })).toBeVisible();
  // Seen at once, in the list too: also after a new start.
  const row = page.getByRole("link", { name: /Projet.*Externes/ });
  await expect(row).toBeVisible();
  await page.reload();
  await expect(row).toBeVisible();

  // By identifier, which does not tell that she is a guest: the refusal does, and shows the way.
  const { joined } = await me.call("GET", `v3/rooms/${encodeURIComponent(room)}/joined_members`) as { joined: Record<string, unknown> };
  const eveId = Object.keys(joined).find((id) => id !== me.userId) ?? "";
  await page.getByRole("button", { name: "Nouvelle conversation" }).click();
  await page.getByRole("button", { name: "Créer un salon" }).click();
  await page.getByLabel("Nom du salon").fill("Entre agents");
  await page.getByRole("button", { name: "Créer le salon" }).click();
  await expect(page.getByRole("heading", { level: 1, name: /Entre agents/ })).toBeVisible();
  await expect(page.getByRole("link", { name: /Entre agents.*Externes/ })).toHaveCount(0);
  await page.getByRole("button", { name: "Informations" }).click();
  await panel.getByLabel("Inviter des personnes").fill(`${eveId},`);
  await panel.getByRole("button", { name: "Inviter", exact: true }).click();
  await expect(panel.getByText("Cette personne est extérieure à l’administration, et cette conversation est réservée aux agents.")).toBeVisible();
  await look(camille, "agents-only");
  await panel.getByLabel("Ouvrir cette conversation aux personnes extérieures").check();
  await panel.getByRole("button", { name: "Inviter", exact: true }).click();
  await expect(panel.getByText("Ouverte aux externes")).toBeVisible();
  await expect(page.getByRole("link", { name: /Entre agents.*Externes/ })).toBeVisible();

  // She sees it as well.
  await guest.page.getByRole("button", { name: "Retour" }).click();
  await expect(guest.page.getByRole("link", { name: /Projet.*Externes/ })).toBeVisible();
});

test("creation says what each kind means; guests need the open kind, a public room is clear and findable", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin");
  await camille.signUp();
  await jean.signUp();
  const { page } = camille;
  const me = await Api.login(camille.username);
  const eve = `${freshName("eve")}@partenaire.example`;
  await page.getByRole("button", { name: "Nouvelle conversation" }).click();
  await page.getByRole("button", { name: "Créer un salon" }).click();
  await page.getByLabel("Nom du salon").fill("Avec des partenaires");
  await page.getByLabel("Inviter des personnes").fill(`${eve},`);
  await expect(page.getByText("Parmi les personnes à inviter, certaines sont extérieures")).toBeVisible();
  await page.getByRole("button", { name: "Créer le salon" }).click();
  await look(camille, "create-with-guest");
  await page.getByLabel(/Ouvrir aux personnes extérieures/).check();
  await page.getByRole("button", { name: "Créer le salon" }).click();
  await expect(page.getByRole("heading", { level: 1, name: /Avec des partenaires/ })).toBeVisible();
  expect(await state(me, roomIn(camille), "im.vector.room.access_rules")).toMatchObject({ rule: "unrestricted", visibility: "private" });
  await page.getByRole("button", { name: "Informations" }).click();
  await expect(page.getByRole("region", { name: "Invitations par courriel" }).getByText(eve)).toBeVisible();
  await page.getByRole("button", { name: "Fermer" }).click();

  const name = freshName("Forum");
  await page.getByRole("button", { name: "Nouvelle conversation" }).click();
  await page.getByRole("button", { name: "Créer un salon" }).click();
  await page.getByLabel("Nom du salon").fill(name);
  await page.getByLabel(/Salon public/).check();
  await expect(page.getByText("Les messages d’un salon public ne sont pas chiffrés.")).toBeVisible();
  await expect(page.getByLabel(/Ouvrir aux personnes extérieures/)).toHaveCount(0);
  await look(camille, "create-public");
  await page.getByRole("button", { name: "Créer le salon" }).click();
  await expect(page.getByText("Vous écrivez dans un salon public")).toBeVisible();
  await page.getByRole("button", { name: "J’ai compris" }).click();
  await camille.say("Bonjour à tous");
  await jean.page.getByRole("button", { name: "Nouvelle conversation" }).click();
  await jean.page.getByRole("button", { name: "Salons publics" }).click();
  await jean.page.getByRole("listitem").filter({ hasText: name }).getByRole("button", { name: "Rejoindre" }).click();
  await expect(jean.message("Bonjour à tous")).toBeVisible();
  await expect(jean.page.getByText("Vous écrivez dans un salon public")).toBeVisible();
});
