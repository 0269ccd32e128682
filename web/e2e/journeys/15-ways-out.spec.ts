// SPDX-License-Identifier: Apache-2.0
/** Every place one can come to has a way out, and nothing happens by a slip. */
import { clean } from "../support/look.ts";
import { Api, freshName } from "../support/matrix.ts";
import { expect, PHONE, test } from "../support/person.ts";

test("adding an account is taken back; a slip of the mouse throws nothing away; a link only shows a room", async ({ person }) => {
  const camille = await person("Camille Durand");
  await camille.signUp();
  const { page } = camille;
  const jean = await Api.register(freshName("jean"), "Jean Martin");
  const me = await Api.login(camille.username);
  const forum = await jean.createRoom({ name: "Forum", preset: "public_chat" });
  const office = await jean.createRoom({ name: "Bureau", preset: "private_chat", invite: [me.userId] });
  await me.join(office);
  await jean.send(office, `Voir https://matrix.to/#/${forum}?via=bench.test`);

  await test.step("adding an account", async () => {
    await page.getByRole("button", { name: "Réglages" }).click();
    await page.getByRole("button", { name: "Ajouter un compte" }).click();
    await expect(page.getByLabel("Identifiant")).toBeVisible();
    await clean(page, "another account");
    await page.screenshot({ path: "test-results/screens/another-account-1280.png" });
    await page.getByRole("button", { name: `Continuer avec ${me.userId}` }).click();
    await expect(page.getByRole("button", { name: "Nouvelle conversation" })).toBeVisible();
  });

  await test.step("a slip of the mouse", async () => {
    await page.getByRole("button", { name: "Nouvelle conversation" }).click();
    await page.getByRole("button", { name: "Créer un salon" }).click();
    const field = page.getByLabel("Nom du salon");
    await field.fill("Un nom bien choisi");
    const box = await field.boundingBox();
    await page.mouse.move((box?.x ?? 0) + 120, (box?.y ?? 0) + 20);
    await page.mouse.down();
    await page.mouse.move(5, 400, { steps: 5 });
    await page.mouse.up();
    await page.mouse.click(5, 400);
    await expect(field).toHaveValue("Un nom bien choisi");
    await page.getByRole("button", { name: "Fermer" }).click();
  });

  await test.step("a link to a room", async () => {
    await camille.open("Bureau");
    await camille.message("Voir").getByText(/matrix\.to/).last().click();
    await expect(page.getByRole("button", { name: "Entrer dans la conversation" })).toBeVisible();
    const { joined } = await jean.call("GET", `v3/rooms/${encodeURIComponent(forum)}/joined_members`);
    expect(Object.keys(joined as object)).toEqual([jean.userId]);
    await page.getByRole("button", { name: "Entrer dans la conversation" }).click();
    await expect(page.getByText("Vous écrivez dans un salon public")).toBeVisible();
    await page.getByRole("button", { name: "J’ai compris" }).click();
    await camille.say("Bonjour le forum");
    await camille.sent("Bonjour le forum");
    await page.reload();
    await expect(camille.message("Bonjour le forum")).toBeVisible();
    await expect(page.getByText("Vous écrivez dans un salon public")).toHaveCount(0);
  });
});

test("who is removed while reading learns by whom, and keeps what was read", async ({ person }) => {
  const camille = await person("Camille Durand", { screen: PHONE, touch: true });
  await camille.signUp();
  const jean = await Api.register(freshName("jean"), "Jean Martin");
  const me = await Api.login(camille.username);
  const room = await jean.createRoom({ name: "Bureau", preset: "private_chat", invite: [me.userId] });
  await me.join(room);
  await jean.send(room, "Dernières nouvelles");
  await camille.open("Bureau");
  await expect(camille.message("Dernières nouvelles")).toBeVisible();
  await jean.call("POST", `v3/rooms/${encodeURIComponent(room)}/ban`, { user_id: me.userId, reason: "changement de service" });
  await expect(camille.page.getByText("Jean Martin vous a exclu de cette conversation : changement de service.")).toBeVisible();
  await expect(camille.message("Dernières nouvelles")).toBeVisible();
  await expect(camille.composer).toHaveCount(0);
  await clean(camille.page, "banned");
  await camille.page.screenshot({ path: "test-results/screens/banned-390.png" });
  await camille.page.getByRole("button", { name: "Retour" }).click();
  await expect(camille.page.getByRole("link", { name: /Bureau/ })).toHaveCount(0);
});

test("an account whose databases cannot be opened is removed from the device, and signs in again", async ({ person }) => {
  const camille = await person("Camille Durand");
  await camille.signUp();
  const { page } = camille;
  await page.addInitScript(() => {
    if (sessionStorage.getItem("mended")) return;
    const open = indexedDB.open.bind(indexedDB);
    indexedDB.open = (name, version) => {
      if (name.includes("crypto")) throw new DOMException("damaged", "UnknownError");
      return open(name, version);
    };
  });
  await page.reload();
  await expect(page.getByText("La messagerie n’a pas pu s’ouvrir.")).toBeVisible();
  await clean(page, "cannot open");
  await page.screenshot({ path: "test-results/screens/cannot-open-1280.png" });
  await page.getByRole("button", { name: "Retirer ce compte de cet appareil" }).click();
  await page.evaluate(() => sessionStorage.setItem("mended", "yes"));
  await page.getByRole("dialog").getByRole("button", { name: "Retirer ce compte de cet appareil" }).click();
  await expect(page.getByLabel("Identifiant")).toBeVisible();
  await camille.signIn();
  await expect(page.getByRole("button", { name: "Avec mon code de récupération" })).toBeVisible();
});
