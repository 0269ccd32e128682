// SPDX-License-Identifier: Apache-2.0
import { DESKTOP, expect, PHONE, test } from "../support/person.ts";

test("two people exchange encrypted messages, replies, edits, reactions and deletions", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin", { screen: PHONE });
  await camille.signUp();
  await jean.signUp();
  await camille.writeTo(jean);
  await camille.say("Bonjour **Jean**, voici `le code` du projet 👋");
  await camille.sent("Bonjour Jean");
  await jean.accept(camille.name);
  await expect(jean.message("Bonjour Jean").locator("strong")).toHaveText("Jean");
  await expect(jean.page.getByText("Chiffré de bout en bout").first()).toBeAttached();

  await test.step("reply", async () => {
    await jean.act("Bonjour Jean", "Répondre");
    await jean.say("Bien reçu, merci !");
    const reply = camille.message("Bien reçu, merci !");
    await expect(reply).toBeVisible();
    await expect(reply.getByText("Bonjour", { exact: false }).first()).toBeVisible();
  });

  await test.step("typing is shown", async () => {
    // Said for as long as keys are pressed.
    let stop = false;
    const typing = (async () => { while (!stop) await jean.composer.pressSequentially("Je regarde ", { delay: 20 }); })();
    try {
      await expect(camille.page.getByText("Jean Martin écrit…")).toBeVisible();
    } finally {
      stop = true;
    }
    await typing;
    await jean.composer.fill("");
    await expect(camille.page.getByText("Jean Martin écrit…")).toHaveCount(0);
  });

  await test.step("edit with the up arrow", async () => {
    await camille.say("Rendez-vous à 14 heurs");
    await camille.sent("14 heurs");
    await camille.composer.focus();
    await camille.page.keyboard.press("ArrowUp");
    await expect(camille.composer).toHaveValue("Rendez-vous à 14 heurs");
    await camille.say("Rendez-vous à 14 heures");
    await expect(jean.message("Rendez-vous à 14 heures")).toContainText("modifié");
    await expect(jean.message("14 heurs")).toHaveCount(0);
  });

  await test.step("react and take it back", async () => {
    const row = jean.message("14 heures");
    await row.hover();
    await row.getByRole("button", { name: "Actions du message" }).click();
    await jean.page.getByRole("button", { name: "Réagir 👍" }).click();
    const reaction = camille.message("14 heures").getByRole("button", { name: /👍, par Jean Martin/ });
    await expect(reaction).toBeVisible();
    await jean.message("14 heures").getByRole("button", { name: /👍/ }).click();
    await expect(reaction).toHaveCount(0);
  });

  await test.step("read receipts", async () => {
    await expect(camille.page.getByText("Lu par Jean Martin").last()).toBeAttached();
  });

  await test.step("a link to a message leads to it", async () => {
    await camille.act("14 heures", "Copier le lien");
    const copied = (): Promise<string> => camille.page.evaluate(() => navigator.clipboard.readText());
    await expect.poll(copied).toContain("/#/salon/");
    await jean.page.goto(await copied());
    await expect(jean.message("14 heures")).toHaveAttribute("data-highlighted", "true");
  });

  await test.step("delete", async () => {
    await camille.say("À supprimer");
    await camille.sent("À supprimer");
    await expect(jean.message("À supprimer")).toBeVisible();
    await camille.act("À supprimer", "Supprimer");
    await camille.page.getByRole("dialog").getByRole("button", { name: "Supprimer" }).click();
    await expect(jean.message("Message supprimé")).toBeVisible();
    await expect(jean.message("À supprimer")).toHaveCount(0);
  });

  await test.step("a draft survives a reload", async () => {
    await camille.composer.fill("Un brouillon important");
    await camille.page.reload();
    await expect(camille.composer).toHaveValue("Un brouillon important");
    await expect(camille.message("14 heures")).toBeVisible();
    await camille.composer.fill("");
  });
  await camille.page.screenshot({ path: `test-results/screens/conversation-${DESKTOP.width}.png` });
  await jean.page.screenshot({ path: `test-results/screens/conversation-${PHONE.width}.png` });
});

test("a room: create, invite, mention, promote, leave", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin");
  await jean.signUp();
  await camille.signUp();
  const { page } = camille;
  await page.getByRole("button", { name: "Nouvelle conversation" }).click();
  await page.getByRole("button", { name: "Créer un salon" }).click();
  await page.getByRole("button", { name: "Créer le salon" }).click();
  await expect(page.getByText("Donnez un nom au salon.")).toBeVisible();
  await page.getByLabel("Nom du salon").fill("Projet Estafette");
  await page.getByLabel("Inviter des personnes").fill(jean.username);
  await page.getByRole("button", { name: /Jean Martin/ }).click();
  await page.screenshot({ path: "test-results/screens/create-1280.png" });
  await page.getByRole("button", { name: "Créer le salon" }).click();
  await expect(page.getByRole("heading", { name: /Projet Estafette/ })).toBeVisible();
  await jean.accept("Projet Estafette");

  await camille.composer.pressSequentially("Bienvenue @jea");
  await expect(page.getByRole("option", { name: /Jean Martin/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(camille.composer).toHaveValue("Bienvenue @Jean Martin ");
  await page.keyboard.press("Enter");
  await expect(jean.message("Bienvenue").getByRole("button", { name: "@Jean Martin" })).toBeVisible();
  await expect(jean.message("Bienvenue").getByText("Vous êtes mentionné")).toBeAttached();

  await page.getByRole("button", { name: "Informations" }).click();
  await page.getByRole("button", { name: "Actions pour Jean Martin" }).click();
  await page.getByRole("menuitem", { name: "Rôle de Jean Martin : Modération" }).click();
  await expect(page.getByLabel("Informations").getByText("Modération")).toBeVisible();
  await page.screenshot({ path: "test-results/screens/room-panel-1280.png" });

  await jean.page.getByRole("button", { name: "Informations" }).click();
  await jean.page.getByRole("button", { name: "Quitter la conversation" }).click();
  await jean.page.getByRole("dialog").getByRole("button", { name: "Quitter la conversation" }).click();
  await expect(jean.page.getByText("Aucune conversation pour l’instant.")).toBeVisible();
  // A link to a conversation one is not in says so, and offers to try.
  const link = new URL(camille.page.url()).hash;
  await jean.page.evaluate((hash) => { window.location.hash = hash; }, link);
  await jean.page.getByRole("button", { name: "Entrer dans la conversation" }).click();
  await expect(jean.page.getByText("Vous n’avez pas le droit de faire cela.")).toBeVisible();
  await expect(camille.page.getByText("1 membre", { exact: true }).first()).toBeVisible();
});

test("who is invited later reads what was said before; who declines is left in peace", async ({ person }) => {
  const camille = await person("Camille Durand");
  const lea = await person("Léa Petit");
  await camille.signUp();
  await lea.signUp();
  const { page } = camille;
  for (const name of ["Archives", "Importun"]) {
    await page.getByRole("button", { name: "Nouvelle conversation" }).click();
    await page.getByRole("button", { name: "Créer un salon" }).click();
    await page.getByLabel("Nom du salon").fill(name);
    await page.getByRole("button", { name: "Créer le salon" }).click();
    await expect(page.getByRole("heading", { level: 1, name: new RegExp(name) })).toBeVisible();
    await camille.say("Dit avant l’invitation");
    await camille.sent("Dit avant l’invitation");
    await page.getByRole("button", { name: "Informations" }).click();
    const panel = page.getByLabel("Informations");
    await panel.getByLabel("Inviter des personnes").fill(lea.username);
    await panel.getByRole("button", { name: /Léa Petit/ }).first().click();
    await panel.getByRole("button", { name: "Inviter", exact: true }).click();
    await expect(panel.getByText("Invité", { exact: true })).toBeVisible();
    await panel.getByRole("button", { name: "Fermer" }).click();
  }
  await lea.accept("Archives");
  await expect(lea.message("Dit avant l’invitation")).toBeVisible();
  await lea.open("Importun");
  await lea.page.getByRole("button", { name: "Refuser", exact: true }).click();
  await expect(lea.page.getByRole("link", { name: /Importun/ })).toHaveCount(0);
  await expect(lea.page.getByRole("link", { name: /Archives/ })).toBeVisible();
});
