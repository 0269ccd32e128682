// SPDX-License-Identifier: Apache-2.0
/** Without this: somebody with two accounts misses what comes for the one that is not open. */
import { baseURL } from "../../playwright.config.ts";
import { clean, noSideways } from "../support/look.ts";
import { Api, freshName, PASSWORD } from "../support/matrix.ts";
import { DESKTOP, expect, PHONE, type Person, test } from "../support/person.ts";

interface Shown { readonly title: string; readonly body: string; readonly data: { readonly roomId: string; readonly account: string } }

const shown = (person: Person): Promise<readonly Shown[]> => person.page.evaluate(async () => {
  const registration = await navigator.serviceWorker.ready;
  return (await registration.getNotifications()).map(({ title, body, data }) => ({ title, body, data: data as Shown["data"] }));
});

for (const screen of [DESKTOP, PHONE]) {
  test(`two accounts: the one that is not open is counted and told of, at ${screen.width} px`, async ({ person }) => {
    const camille = await person("Camille Durand", { screen });
    await camille.context.grantPermissions(["notifications"], { origin: baseURL });
    const { page } = camille;
    await camille.signUp();
    const first = await Api.login(camille.username);
    await page.getByRole("button", { name: "Réglages" }).click();
    await page.getByLabel("M’avertir sur cet appareil").click();
    await expect(page.getByLabel("M’avertir sur cet appareil")).toBeChecked();
    await page.getByRole("button", { name: "Ajouter un compte" }).click();

    const second = freshName("astreinte");
    await page.getByRole("button", { name: "Créer un compte" }).click();
    await page.getByLabel("Prénom et nom").fill("Astreinte nationale");
    await page.getByLabel("Identifiant").fill(second);
    await page.getByLabel("Mot de passe", { exact: true }).fill(PASSWORD);
    // What the first answer names was there before; what comes after it is news.
    const watched = page.waitForResponse((response) => response.url().includes("simplified_msc3575/sync") && response.ok(), { timeout: 300_000 });
    await page.getByRole("button", { name: "Créer un compte" }).click();
    await camille.setUpEncryption();
    const menu = page.getByRole("button", { name: /^Comptes/ });
    await expect(menu).toHaveAccessibleName("Comptes (ouvert\u00a0: Astreinte nationale)");
    await watched;

    // What the device of the closed account is to decrypt with stays where it is: see below.
    const jean = await Api.register(freshName("jean"), "Jean Martin");
    const roomId = await jean.createRoom({ name: "Cellule de crise", preset: "private_chat", invite: [first.userId] });
    await expect(menu).toHaveAccessibleName(/1 conversation à lire/);
    await expect.poll(async () => (await shown(camille)).map((one) => one.body)).toEqual(["Nouvelle invitation\nCompte\u00a0: Camille Durand"]);
    await first.join(roomId);
    await expect(menu).not.toHaveAccessibleName(/à lire/);
    await expect.poll(() => shown(camille)).toEqual([]);

    await jean.send(roomId, "Le mot secret est azur");
    await jean.send(roomId, "Et il y a deux messages");
    await expect(menu).toHaveAccessibleName(/1 conversation à lire/);
    await expect.poll(async () => (await shown(camille)).map(({ title, body }) => ({ title, body })))
      .toEqual([{ title: "Cellule de crise", body: "2 nouveaux messages\nCompte\u00a0: Camille Durand" }]);
    await expect(page).toHaveTitle(/^\(1\)/);
    await menu.click();
    const item = page.getByRole("menuitem", { name: /Camille Durand.*1 conversation à lire/ });
    await expect(item).toBeVisible();
    await page.screenshot({ path: `test-results/screens/accounts-${screen.width}.png` });
    await clean(page, `accounts ${screen.width}`);
    await noSideways(page, `accounts ${screen.width}`);
    await page.keyboard.press("Escape");

    // Read on another device: nothing is left to tell of.
    const last = await jean.send(roomId, "Lu ailleurs");
    await first.call("POST", `v3/rooms/${encodeURIComponent(roomId)}/receipt/m.read/${encodeURIComponent(last)}`, {});
    await expect(menu).not.toHaveAccessibleName(/à lire/);
    await expect.poll(() => shown(camille)).toEqual([]);

    // A notification that was clicked, as the service worker says it: the other account opens, at the conversation.
    await jean.send(roomId, "Rendez-vous à midi");
    await expect.poll(async () => (await shown(camille)).length).toBe(1);
    const [told] = await shown(camille);
    await page.evaluate(({ account, roomId }) => { window.history.replaceState(null, "", `#/compte/${encodeURIComponent(account)}/salon/${encodeURIComponent(roomId)}`); }, told?.data ?? { account: "", roomId: "" });
    await page.reload();
    await expect(camille.message("Rendez-vous à midi")).toBeVisible();
    await expect.poll(() => shown(camille)).toEqual([]);
    if (screen === PHONE) await page.getByRole("button", { name: "Retour" }).click();
    await expect(menu).toHaveAccessibleName("Comptes (ouvert\u00a0: Camille Durand)");
    await menu.click();
    await page.getByRole("menuitem", { name: /Astreinte nationale/ }).click();
    await expect(menu).toHaveAccessibleName("Comptes (ouvert\u00a0: Astreinte nationale)");
    await expect(camille.composer).toHaveCount(0);
  });
}

test("keys that come while another account is open wait for their own", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin");
  await camille.signUp();
  await jean.signUp();
  await jean.writeTo(camille);
  await camille.accept(jean.name);
  await camille.page.getByRole("button", { name: "Réglages" }).click();
  await camille.page.getByRole("button", { name: "Ajouter un compte" }).click();
  await camille.page.getByRole("button", { name: "Créer un compte" }).click();
  await camille.page.getByLabel("Prénom et nom").fill("Astreinte nationale");
  await camille.page.getByLabel("Identifiant").fill(freshName("astreinte"));
  await camille.page.getByLabel("Mot de passe", { exact: true }).fill(PASSWORD);
  await camille.page.getByRole("button", { name: "Créer un compte" }).click();
  await camille.setUpEncryption();
  const menu = camille.page.getByRole("button", { name: /^Comptes/ });
  await jean.say("La clé de ce message attend");
  await expect(menu).toHaveAccessibleName(/1 conversation à lire/);
  await menu.click();
  await camille.page.getByRole("menuitem", { name: /Camille Durand/ }).click();
  await camille.open(jean.name);
  await expect(camille.message("La clé de ce message attend")).toBeVisible();

  // Chosen files live in the page alone: they do not go with a change of accounts unasked.
  await camille.page.setInputFiles("input[type=file][multiple]", { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("x") });
  await expect(camille.page.getByText("note.txt")).toBeVisible();
  await menu.click();
  await camille.page.getByRole("menuitem", { name: /Astreinte nationale/ }).click();
  await expect(camille.page.getByText("Changer de compte maintenant les perd.")).toBeVisible();
  await camille.page.getByRole("button", { name: "Annuler" }).click();
  await expect(camille.page.getByText("note.txt")).toBeVisible();
  await menu.click();
  await camille.page.getByRole("menuitem", { name: /Astreinte nationale/ }).click();
  await camille.page.getByRole("button", { name: "Changer de compte" }).click();
  await expect(menu).toHaveAccessibleName(/ouvert\u00a0: Astreinte nationale/);
});
