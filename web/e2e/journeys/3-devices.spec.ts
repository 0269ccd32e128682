// SPDX-License-Identifier: Apache-2.0
import { PASSWORD } from "../support/matrix.ts";
import { expect, test } from "../support/person.ts";

test("a second device is confirmed by emoji, a third by the code; old messages are read", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin");
  await camille.signUp();
  await jean.signUp();
  await camille.writeTo(jean);
  await camille.say("Un secret bien gardé");
  await jean.accept(camille.name);
  await expect(jean.message("Un secret bien gardé")).toBeVisible();

  await test.step("by emoji", async () => {
    const second = await person("Camille Durand", { username: camille.username });
    await second.signIn();
    await expect(second.page.getByRole("heading", { name: "Confirmez cet appareil" })).toBeVisible();
    await second.page.screenshot({ path: "test-results/screens/verify-1280.png" });
    await second.page.getByRole("button", { name: "Avec un autre de mes appareils" }).click();
    await camille.page.getByRole("button", { name: "Accepter" }).click();
    const emoji = camille.page.locator("[data-sas]");
    await expect(emoji).toBeVisible();
    await expect(second.page.locator("[data-sas]")).toBeVisible();
    await expect(second.page.locator("[data-sas]")).toHaveText(await emoji.innerText(), { useInnerText: true });
    await camille.page.screenshot({ path: "test-results/screens/emoji-1280.png" });
    await second.page.getByRole("button", { name: "Ils sont identiques" }).click();
    await camille.page.getByRole("button", { name: "Ils sont identiques" }).click();
    await expect(camille.page.getByText("C’est vérifié")).toBeVisible();
    await expect(second.page.getByText("C’est vérifié")).toBeVisible();
    await camille.page.getByRole("dialog").getByRole("button", { name: "Fermer" }).last().click();
    await second.page.getByRole("dialog").last().getByRole("button", { name: "Fermer" }).last().click();
    await second.page.getByRole("button", { name: "Ouvrir mes conversations" }).click();
    await second.open(jean.name);
    await expect(second.message("Un secret bien gardé")).toBeVisible();
    await second.page.getByRole("button", { name: "Réglages" }).click();
    await expect(second.page.getByText("Confirmé", { exact: true })).toHaveCount(2);
    await second.page.screenshot({ path: "test-results/screens/settings-1280.png" });
    await second.context.close();
  });

  await test.step("log out, back in with the code", async () => {
    await camille.signOut();
    // No device of hers is there: the key of this message waits for her in the dehydrated device.
    await jean.say("Écrit pendant ton absence");
    await jean.sent("Écrit pendant ton absence");
    await camille.signIn();
    const { page } = camille;
    await page.getByRole("button", { name: "Avec mon code de récupération" }).click();
    const confirm = page.getByRole("dialog").getByRole("button", { name: "Confirmer cet appareil" });
    await page.getByRole("textbox", { name: "Code de récupération" }).fill("EsTx xxxx xxxx");
    await confirm.click();
    await expect(page.getByText(/Ce code n’est pas le bon/)).toBeVisible();
    await page.getByRole("textbox", { name: "Code de récupération" }).fill(camille.code);
    await confirm.click();
    await page.getByRole("button", { name: "Ouvrir mes conversations" }).click();
    await camille.open(jean.name);
    await expect(camille.message("Un secret bien gardé")).toBeVisible();
    await expect(camille.message("Écrit pendant ton absence")).toBeVisible();
    await jean.say("Tu me lis toujours ?");
    await expect(camille.message("Tu me lis toujours ?")).toBeVisible();
  });
});

test("an unconfirmed device says why a message cannot be read, and what to do", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin");
  await camille.signUp();
  await jean.signUp();
  await camille.writeTo(jean);
  await camille.say("Réservé aux appareils confirmés");
  await jean.accept(camille.name);
  await expect(jean.message("Réservé")).toBeVisible();
  const second = await person("Jean Martin", { username: jean.username });
  await second.signIn();
  await second.page.getByRole("button", { name: "Plus tard" }).click();
  await expect(second.page.getByText("Cet appareil n’est pas confirmé")).toBeVisible();
  await second.open(camille.name);
  const locked = second.page.locator("article details");
  await expect(locked).toContainText("illisible tant que cet appareil n’est pas confirmé");
  await locked.getByText("Pourquoi ?").click();
  await second.page.screenshot({ path: "test-results/screens/unreadable-1280.png" });
  await locked.getByRole("button", { name: "Confirmer cet appareil" }).click();
  await second.page.getByRole("button", { name: "Avec mon code de récupération" }).click();
  await second.page.getByRole("textbox", { name: "Code de récupération" }).fill(jean.code);
  await second.page.getByRole("dialog").getByRole("button", { name: "Confirmer cet appareil" }).click();
  await second.page.getByRole("button", { name: "Ouvrir mes conversations" }).click();
  await expect(second.message("Réservé aux appareils confirmés")).toBeVisible();
});

test("keys leave in a file and come back", async ({ person }) => {
  const camille = await person("Camille Durand");
  await camille.signUp();
  const { page } = camille;
  await page.getByRole("button", { name: "Nouvelle conversation" }).click();
  await page.getByRole("button", { name: "Créer un salon" }).click();
  await page.getByLabel("Nom du salon").fill("Seul");
  await page.getByRole("button", { name: "Créer le salon" }).click();
  await camille.say("Note pour moi");
  await camille.sent("Note pour moi");
  await page.getByRole("button", { name: "Réglages" }).click();
  await page.getByLabel("Mot de passe du fichier").fill("court");
  await page.getByRole("button", { name: "Exporter" }).click();
  await expect(page.getByText("Au moins 8 caractères.", { exact: true })).toBeVisible();
  await page.getByLabel("Mot de passe du fichier").fill("une autre phrase");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Exporter" }).click();
  const path = await (await download).path();
  await page.getByLabel("Mot de passe du fichier").fill("mauvaise phrase");
  await page.setInputFiles("input[type=file][accept*='text']", path);
  await expect(page.getByText("Mot de passe ou fichier incorrect.")).toBeVisible();
  await page.getByLabel("Mot de passe du fichier").fill("une autre phrase");
  await page.setInputFiles("input[type=file][accept*='text']", path);
  await expect(page.getByText(/1 élément ajouté/)).toBeVisible();
});

test("a device is signed out from another one, with the password; it says so and keeps nothing", async ({ person }) => {
  const camille = await person("Camille Durand");
  await camille.signUp();
  const lost = await person("Camille Durand", { username: camille.username });
  await lost.signIn();
  await lost.page.getByRole("button", { name: "Plus tard" }).click();
  const { page } = camille;
  await page.getByRole("button", { name: "Réglages" }).click();
  await page.getByRole("button", { name: "Déconnecter", exact: true }).click();
  await page.getByRole("dialog").last().getByRole("button", { name: "Déconnecter", exact: true }).click();
  const asked = page.getByRole("dialog", { name: "Confirmez votre mot de passe" });
  const password = asked.getByLabel("Mot de passe");
  await password.fill("ce n’est pas le bon");
  await asked.getByRole("button", { name: "Confirmer" }).click();
  await expect(page.getByText("Mot de passe incorrect.")).toBeVisible();
  await password.fill(PASSWORD);
  await asked.getByRole("button", { name: "Confirmer" }).click();
  await expect(page.getByRole("button", { name: "Déconnecter", exact: true })).toHaveCount(0);
  await expect(lost.page.getByText("Votre session a pris fin.")).toBeVisible();
  await lost.page.getByRole("button", { name: "Se reconnecter" }).click();
  await expect(lost.page.getByLabel("Identifiant")).toBeVisible();
  await expect.poll(async () => {
    const left = await lost.page.evaluate(async () => [...(await indexedDB.databases()).map((one) => one.name ?? ""), ...Object.keys(localStorage)]);
    return left.filter((one) => one.includes(camille.username));
  }).toEqual([]);
});

test("two people confirm each other by emoji", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin");
  await camille.signUp();
  await jean.signUp();
  await camille.writeTo(jean);
  await camille.say("Bonjour");
  await jean.accept(camille.name);
  await expect(jean.message("Bonjour")).toBeVisible();
  await camille.page.getByRole("button", { name: "Informations" }).click();
  await camille.page.getByRole("button", { name: "Vérifier l’identité" }).click();
  await jean.page.getByRole("button", { name: "Accepter", exact: true }).click();
  const [mine, theirs] = [camille.page.locator("[data-sas]"), jean.page.locator("[data-sas]")];
  await expect(mine).toBeVisible();
  await expect(theirs).toBeVisible();
  await expect(mine).toHaveText(await theirs.innerText(), { useInnerText: true });
  await jean.page.getByRole("button", { name: "Ils sont identiques" }).click();
  await camille.page.getByRole("button", { name: "Ils sont identiques" }).click();
  await expect(camille.page.getByText("C’est vérifié")).toBeVisible();
  await camille.page.getByRole("dialog").getByRole("button", { name: "Fermer" }).last().click();
  await expect(camille.page.getByText("Identité vérifiée").first()).toBeAttached();
});
