// SPDX-License-Identifier: Apache-2.0
/** What is done now and then: order in the list, words, password, a second account, a lost code. */
import { Api, freshName, PASSWORD } from "../support/matrix.ts";
import { expect, test } from "../support/person.ts";

test("the list is put in order; the language, the password and the account change", async ({ person }) => {
  const camille = await person("Camille Durand");
  await camille.signUp();
  const { page } = camille;
  const me = await Api.login(camille.username);
  const jean = await Api.register(freshName("jean"), "Jean Martin");
  for (const name of ["Alpha", "Bravo"]) {
    const roomId = await jean.createRoom({ name, preset: "private_chat", invite: [me.userId] });
    await me.join(roomId);
    await jean.send(roomId, `Bonjour ${name}`);
  }
  const list = page.getByRole("navigation", { name: "Conversations" });
  const menu = async (room: string, action: string): Promise<void> => {
    await list.getByRole("link", { name: new RegExp(room) }).hover();
    await list.getByRole("button", { name: `Actions pour ${room}` }).click();
    await page.getByRole("menuitem", { name: action }).click();
  };
  // The list takes its order once all of it is there.
  for (const name of ["Alpha", "Bravo"]) await expect(list.getByRole("link", { name: new RegExp(`${name}.*Bonjour ${name}`) })).toBeVisible();

  await test.step("favourite, read and unread", async () => {
    await menu("Alpha", "Ajouter aux favoris");
    await list.getByRole("button", { name: "Favoris" }).click();
    await expect(list.getByRole("link", { name: /Bravo/ })).toHaveCount(0);
    await expect(list.getByRole("link", { name: /Alpha/ })).toBeVisible();
    await list.getByRole("button", { name: "Toutes" }).click();
    await menu("Bravo", "Marquer comme lu");
    await list.getByRole("button", { name: /Non lues/ }).click();
    await expect(list.getByRole("link", { name: /Bravo/ })).toHaveCount(0);
    await list.getByRole("button", { name: "Toutes" }).click();
    await menu("Bravo", "Marquer comme non lu");
    await list.getByRole("button", { name: /Non lues/ }).click();
    await expect(list.getByRole("link", { name: /Bravo/ })).toBeVisible();
    await list.getByRole("button", { name: "Toutes" }).click();
  });

  await test.step("a conversation is silenced, and speaks again", async () => {
    await camille.open(/Bravo/);
    await page.getByRole("button", { name: "Informations" }).click();
    await page.getByRole("radio", { name: "Aucune" }).click();
    await expect(list.getByRole("link", { name: /Bravo.*notifications coupées/ })).toBeVisible();
    await page.getByRole("radio", { name: "Tous les messages" }).click();
    await expect(list.getByRole("link", { name: /notifications coupées/ })).toHaveCount(0);
    await page.getByLabel("Informations").getByRole("button", { name: "Fermer" }).click();
  });

  await test.step("in English and back", async () => {
    await page.getByRole("button", { name: "Réglages" }).click();
    await page.getByLabel("Langue").selectOption("en");
    await expect(page.getByRole("heading", { name: "Settings" })).toBeVisible();
    await expect(page.locator("html")).toHaveAttribute("lang", "en");
    await page.screenshot({ path: "test-results/screens/settings-en-1280.png" });
    await page.getByLabel("Language").selectOption("fr");
  });

  await test.step("the password changes: the old one is refused", async () => {
    await page.getByLabel("Mot de passe actuel").fill("pas le bon");
    await page.getByLabel("Nouveau mot de passe").fill("encore une longue phrase 43");
    await page.getByRole("button", { name: "Changer le mot de passe" }).click();
    await expect(page.getByText("Identifiant ou mot de passe incorrect", { exact: false })).toBeVisible();
    await page.getByLabel("Mot de passe actuel").fill(PASSWORD);
    await page.getByLabel("Nouveau mot de passe").fill("encore une longue phrase 43");
    await page.getByRole("button", { name: "Changer le mot de passe" }).click();
    await expect(page.getByText("Mot de passe changé.")).toBeVisible();
    await expect(Api.login(camille.username)).rejects.toThrow();
  });

  await test.step("a second account beside the first", async () => {
    const other = freshName("renfort");
    await Api.register(other, "Renfort");
    await page.getByRole("button", { name: "Ajouter un compte" }).click();
    await page.getByLabel("Identifiant").fill(other);
    await page.getByLabel("Mot de passe", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Se connecter" }).click();
    await page.getByRole("button", { name: "Plus tard" }).click();
    await expect(page.getByText("Aucune conversation pour l’instant.")).toBeVisible();
    await page.getByRole("button", { name: "Réglages" }).click();
    await page.getByRole("button", { name: new RegExp(`Passer à .*@${camille.username}`) }).click();
    await expect(list.getByRole("link", { name: /Alpha/ })).toBeVisible();
  });
});

test("without code nor device: a new identity, a new code, and conversations go on", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin");
  await camille.signUp();
  await jean.signUp();
  await camille.writeTo(jean);
  await camille.say("Avant la perte");
  await camille.sent("Avant la perte");
  await jean.accept(camille.name);
  await expect(jean.message("Avant la perte")).toBeVisible();
  await camille.signOut();

  await camille.signIn();
  const { page } = camille;
  await page.getByRole("button", { name: "Je n’ai ni code ni autre appareil" }).click();
  await page.getByRole("checkbox").check();
  await page.screenshot({ path: "test-results/screens/reset-1280.png" });
  await page.getByRole("dialog").getByRole("button", { name: "Repartir de zéro" }).click();
  const asked = page.getByRole("dialog", { name: "Confirmez votre mot de passe" });
  const code = page.locator("[data-recovery-code]");
  await expect(asked.or(code).first()).toBeVisible();
  if (await asked.isVisible()) {
    await asked.getByLabel("Mot de passe").fill(PASSWORD);
    await asked.getByRole("button", { name: "Confirmer" }).click();
  }
  await expect(code).toBeVisible();
  expect((await code.innerText()).replace(/\s+/g, " ").trim()).not.toBe(camille.code);
  await page.getByLabel("J’ai conservé mon code en lieu sûr").check();
  await page.getByRole("button", { name: "Continuer" }).click();
  await camille.open(jean.name);
  await camille.say("Me revoilà");
  await camille.sent("Me revoilà");
  await expect(jean.message("Me revoilà")).toBeVisible();
  await jean.say("Content de te relire");
  await expect(camille.message("Content de te relire")).toBeVisible();
});
