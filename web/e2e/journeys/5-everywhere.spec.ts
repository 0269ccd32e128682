// SPDX-License-Identifier: Apache-2.0
import { clean, noSideways } from "../support/look.ts";
import { Api, freshName } from "../support/matrix.ts";
import { expect, type Person, PHONE, test } from "../support/person.ts";

/** A directory with people and rooms in it, so that screens look like a working day. */
async function furnish(camille: Person): Promise<void> {
  const jean = await Api.register(freshName("jean"), "Jean Martin");
  const me = await Api.login(camille.username);
  const names = ["Cellule de crise", "Direction des systèmes d’information", "Marchés publics 2026", "Préfecture — astreinte", "Café du matin"];
  for (const name of names) {
    const roomId = await jean.createRoom({ name, preset: "private_chat", invite: [me.userId], topic: "Échanges de l’équipe" });
    await me.join(roomId);
    await jean.send(roomId, `Bienvenue dans « ${name} »`);
    if (name.startsWith("Cellule")) {
      for (let index = 0; index < 12; index += 1) await (index % 3 === 0 ? me : jean).send(roomId, `Point de situation n° ${index + 1} : tout est calme, prochaine réunion à ${9 + index} h.`);
    }
  }
  await jean.createRoom({ name: "Forum des agents", preset: "public_chat", visibility: "public", topic: "Ouvert à tous les agents" });
}

test("axe finds nothing on any screen, in each theme", async ({ person }) => {
  const camille = await person("Camille Durand");
  const { page } = camille;
  await page.goto("/");
  await expect(page.getByRole("button", { name: "Créer un compte" })).toBeVisible();
  await clean(page, "sign in");
  await page.screenshot({ path: "test-results/screens/sign-in-1280.png" });
  await page.getByRole("button", { name: "Créer un compte" }).click();
  await expect(page.getByLabel("Prénom et nom")).toBeVisible();
  await clean(page, "sign up");
  await page.getByRole("button", { name: "Créer un compte" }).click();
  await expect(page.locator("[aria-invalid=true]").first()).toBeVisible();
  await clean(page, "sign up with problems");
  await camille.signUp(async (screen) => {
    await clean(page, screen);
    await page.screenshot({ path: `test-results/screens/${screen}-1280.png` });
  });
  await furnish(camille);
  await camille.open(/Cellule de crise/);
  await expect(camille.message("n° 12")).toBeVisible();
  for (const theme of ["light", "dark", "contrastLight", "contrastDark"]) {
    await page.evaluate((name) => { document.documentElement.dataset["theme"] = name; }, theme);
    await clean(page, `conversation, ${theme}`);
    await page.screenshot({ path: `test-results/screens/list-${theme}-1280.png` });
  }
  await page.evaluate(() => { document.documentElement.dataset["theme"] = "light"; });
  await camille.message("n° 12").hover();
  await camille.message("n° 12").getByRole("button", { name: "Actions du message" }).click();
  await expect(page.getByRole("menuitem", { name: "Répondre" })).toBeVisible();
  await clean(page, "message menu");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("menuitem")).toHaveCount(0);
  await page.getByRole("button", { name: "Informations" }).click();
  await expect(page.getByLabel("Informations").getByText("Jean Martin")).toBeVisible();
  await clean(page, "room panel");
  await page.getByLabel("Informations").getByRole("button", { name: "Fermer" }).click();
  await page.getByRole("button", { name: "Insérer un émoji" }).click();
  await expect(page.getByRole("dialog").getByRole("button", { name: /visage rieur/ }).first()).toBeVisible();
  await clean(page, "emoji");
  await page.screenshot({ path: "test-results/screens/emoji-picker-1280.png" });
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("dialog").getByRole("combobox")).toBeFocused();
  await clean(page, "switcher");
  await page.screenshot({ path: "test-results/screens/switcher-1280.png" });
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.getByRole("button", { name: "Nouvelle conversation" }).click();
  await page.getByLabel("Chercher une personne").fill("Jean");
  await expect(page.getByRole("button", { name: /Jean Martin/ }).first()).toBeVisible();
  await clean(page, "people search");
  await page.screenshot({ path: "test-results/screens/people-1280.png" });
  await page.getByRole("button", { name: "Créer un salon" }).click();
  await expect(page.getByLabel("Nom du salon")).toBeVisible();
  await clean(page, "new room");
  await page.getByRole("button", { name: "Retour" }).click();
  await page.getByRole("button", { name: "Salons publics" }).click();
  await expect(page.getByText("Forum des agents").first()).toBeVisible();
  await clean(page, "public rooms");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.getByRole("button", { name: "Réglages" }).click();
  await expect(page.getByText("Cet appareil", { exact: false }).first()).toBeVisible();
  await clean(page, "settings");
});

test("the phone, from 320 px: one thing at a time, nothing sideways", async ({ person }) => {
  const camille = await person("Camille Durand", { screen: PHONE, touch: true });
  const { page } = camille;
  await page.goto("/");
  await expect(page.getByRole("button", { name: "Créer un compte" })).toBeVisible();
  await page.screenshot({ path: "test-results/screens/sign-in-390.png" });
  await camille.signUp(async (screen) => { await page.screenshot({ path: `test-results/screens/${screen}-390.png` }); });
  await furnish(camille);
  await expect(page.getByRole("link", { name: /Cellule de crise/ })).toBeVisible();
  await page.screenshot({ path: "test-results/screens/list-390.png" });
  // The last one is a window of 1280 × 800 at a zoom of 200 %.
  for (const [width, height] of [[390, 844], [320, 568], [640, 400]] as const) {
    await page.setViewportSize({ width, height });
    await noSideways(page, `list at ${width}`);
    await camille.open(/Cellule de crise/);
    await expect(camille.message("n° 12")).toBeVisible();
    await expect(camille.composer).toBeInViewport();
    await expect(page.getByRole("heading", { name: "Conversations" })).toBeHidden();
    await noSideways(page, `conversation at ${width}`);
    await clean(page, `conversation at ${width}`);
    await page.screenshot({ path: `test-results/screens/room-${width}.png` });
    await page.getByRole("button", { name: "Informations" }).click();
    await expect(page.getByLabel("Informations").getByText("Jean Martin")).toBeVisible();
    await noSideways(page, `panel at ${width}`);
    await page.screenshot({ path: `test-results/screens/panel-${width}.png` });
    await page.getByLabel("Informations").getByRole("button", { name: "Fermer" }).click();
    await page.getByRole("button", { name: "Retour" }).click();
    await expect(page.getByRole("heading", { name: "Conversations" })).toBeVisible();
    await page.getByRole("button", { name: "Réglages" }).click();
    await expect(page.getByText("Cet appareil", { exact: false }).first()).toBeVisible();
    await noSideways(page, `settings at ${width}`);
    await page.screenshot({ path: `test-results/screens/settings-${width}.png` });
    await page.getByRole("dialog").getByRole("button", { name: "Fermer" }).click();
    await expect(page.getByRole("dialog")).toHaveCount(0);
  }
});

test("the keyboard alone: sign up, create a room, write, edit, search, leave", async ({ person }) => {
  const camille = await person("Camille Durand");
  const { page } = camille;
  const press = async (...keys: string[]): Promise<void> => { for (const key of keys) await page.keyboard.press(key); };
  /** Presses Tab until the focus is on what has this name. */
  const tabTo = async (name: RegExp): Promise<void> => {
    for (let step = 0; step < 60; step += 1) {
      await press("Tab");
      const focused = await page.evaluate(() => {
        const element = document.activeElement as HTMLInputElement | null;
        return element ? `${element.getAttribute("aria-label") ?? ""} ${element.labels?.[0]?.textContent ?? ""} ${element.textContent ?? ""}` : "";
      });
      if (name.test(focused)) return;
    }
    throw new Error(`${name} cannot be reached with Tab`);
  };
  await page.goto("/");
  await expect(page.getByRole("button", { name: "Créer un compte" })).toBeVisible();
  await tabTo(/Créer un compte/);
  await press("Enter");
  await expect(page.getByLabel("Prénom et nom")).toBeVisible();
  await tabTo(/Prénom et nom/);
  await page.keyboard.type("Camille Durand");
  await tabTo(/Identifiant/);
  await page.keyboard.type(camille.username);
  await tabTo(/^ ?Mot de passe/);
  await page.keyboard.type("une phrase bien longue 42");
  await press("Enter");
  await expect(page.getByRole("button", { name: "Obtenir mon code de récupération" })).toBeVisible();
  await tabTo(/Obtenir mon code/);
  await press("Enter");
  await expect(page.locator("[data-recovery-code]")).toBeVisible();
  await tabTo(/J’ai conservé/);
  await press("Space");
  await expect(page.getByLabel("J’ai conservé mon code en lieu sûr")).toBeChecked();
  await tabTo(/Continuer/);
  await press("Enter");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await tabTo(/Nouvelle conversation/);
  await press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await tabTo(/Créer un salon/);
  await press("Enter");
  await expect(page.getByLabel("Nom du salon")).toBeFocused();
  await page.keyboard.type("Clavier");
  await press("Enter");
  await expect(page.getByRole("heading", { name: /Clavier/ })).toBeVisible();
  await expect(camille.composer).toBeVisible();
  await camille.composer.focus();
  await page.keyboard.type("Sans souris");
  await press("Enter");
  await camille.sent("Sans souris");
  await press("Shift+Tab");
  await press("ArrowUp");
  await camille.composer.focus();
  await press("ArrowUp");
  await expect(camille.composer).toHaveValue("Sans souris");
  await page.keyboard.type(" ni écran");
  await press("Enter");
  await expect(camille.message("Sans souris ni écran")).toContainText("modifié");
  const me = await Api.login(camille.username);
  await me.createRoom({ name: "Autre salon", preset: "private_chat" });
  await expect(page.getByRole("link", { name: /Autre salon/ })).toBeVisible();
  for (const [typed, name] of [["autre", "Autre salon"], ["clav", "Clavier"]] as const) {
    await press("Control+k");
    await expect(page.getByRole("dialog").getByRole("combobox")).toBeFocused();
    await page.keyboard.type(typed);
    await expect(page.getByRole("dialog").getByRole("option").first()).toHaveText(new RegExp(name));
    await press("Enter");
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(page.getByRole("heading", { level: 1, name: new RegExp(name) })).toBeVisible();
  }
  await expect(camille.message("Sans souris ni écran")).toBeVisible();
  await tabTo(/^Vous, .*Sans souris ni écran/s);
  await press("e");
  await expect(camille.composer).toHaveValue("Sans souris ni écran");
  await press("Escape");
  await expect(camille.composer).toHaveValue("");
});
