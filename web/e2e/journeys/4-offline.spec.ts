// SPDX-License-Identifier: Apache-2.0
import { Api, PASSWORD } from "../support/matrix.ts";
import { expect, test } from "../support/person.ts";

test("offline: says so, queues, survives a reload, sends when back", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin");
  await camille.signUp();
  await jean.signUp();
  await camille.writeTo(jean);
  await camille.say("Avant la coupure");
  await camille.sent("Avant la coupure");
  await jean.accept(camille.name);
  await camille.page.waitForFunction(() => navigator.serviceWorker.controller !== null);

  // A request that waits for news, and waits on without a network: it would tell after minutes.
  const news = "**/_matrix/client/v3/sync*";
  await camille.page.route(news, () => undefined);
  const waits = camille.page.waitForRequest(news);
  await jean.say("À tout à l’heure");
  await waits;
  await camille.context.setOffline(true);
  await expect(camille.page.getByText("Vous êtes hors connexion")).toBeVisible();
  await camille.page.unroute(news);
  await camille.say("Écrit dans le tunnel");
  await expect(camille.message("Écrit dans le tunnel").getByText("En attente du réseau")).toBeAttached();
  await camille.say("Message annulé");
  await expect(camille.message("Message annulé")).toBeVisible();
  await camille.page.reload();
  await expect(camille.message("Avant la coupure")).toBeVisible();
  await expect(camille.page.getByText("Vous êtes hors connexion")).toBeVisible();
  await expect(camille.message("Écrit dans le tunnel")).toBeVisible();
  await camille.page.screenshot({ path: "test-results/screens/offline-1280.png" });

  await camille.message("Message annulé").getByRole("button", { name: "Annuler l’envoi" }).click();
  await expect(camille.message("Message annulé")).toHaveCount(0);

  await camille.context.setOffline(false);
  await camille.sent("Écrit dans le tunnel");
  await expect(jean.message("Écrit dans le tunnel")).toHaveCount(1);
  await expect(jean.message("Message annulé")).toHaveCount(0);
  await expect(camille.page.getByText("Vous êtes hors connexion")).toHaveCount(0);
});

test("a full disk: what cannot be kept comes back to the person, and goes out with the network", async ({ person }) => {
  const camille = await person("Camille Durand");
  await camille.signUp();
  const me = await Api.login(camille.username);
  await me.createRoom({ name: "Sans place", preset: "private_chat" });
  const { page, context } = camille;
  await camille.open(/Sans place/);
  await camille.say("Avant");
  await camille.sent("Avant");
  await context.setOffline(true);
  await expect(page.getByText("Vous êtes hors connexion")).toBeVisible();
  await page.evaluate(() => {
    const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function full(...record: Parameters<typeof put>) {
      if (this.transaction.db.name.startsWith("estafette-outbox")) throw new DOMException("full", "QuotaExceededError");
      return put.apply(this, record);
    };
  });
  await page.locator("input[type=file]").first().setInputFiles({ name: "plan.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(3_000_000, 7) });
  await expect(page.getByRole("button", { name: "Retirer plan.bin" })).toBeVisible();
  await camille.composer.fill("Sans réseau ni place");
  await camille.composer.press("Enter");
  await expect(page.getByText("n’a plus de place")).toBeVisible();
  await expect(camille.composer).toHaveValue("Sans réseau ni place");
  await expect(page.getByRole("button", { name: "Retirer plan.bin" })).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByText("Vous êtes hors connexion")).toHaveCount(0);
  await camille.composer.press("Enter");
  await expect(camille.composer).toHaveValue("");
  await camille.sent("Sans réseau ni place");
});

test("a second tab is told, and may take over", async ({ person }) => {
  const camille = await person("Camille Durand");
  await camille.signUp();
  const other = await camille.context.newPage();
  await other.goto("/");
  await expect(other.getByText("déjà ouverte dans un autre onglet")).toBeVisible();
  await other.getByRole("button", { name: "Utiliser ici" }).click();
  await expect(other.getByRole("heading", { name: "Conversations" })).toBeVisible();
  await expect(camille.page.getByText("déjà ouverte dans un autre onglet")).toBeVisible();
});

test("an expired session: the same device signs in again and reads on, without a code", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin");
  await camille.signUp();
  await jean.signUp();
  await camille.writeTo(jean);
  await camille.say("Avant l’expiration");
  await jean.accept(camille.name);
  const { page } = camille;
  await page.route("**/_matrix/client/v3/sync*", (route) => route.fulfill({
    status: 401, contentType: "application/json", body: JSON.stringify({ errcode: "M_UNKNOWN_TOKEN", error: "expired", soft_logout: true }),
  }));
  await jean.say("Une nouvelle");
  await expect(page.getByText("Votre session a expiré")).toBeVisible();
  await page.unroute("**/_matrix/client/v3/sync*");
  await page.getByLabel("Mot de passe", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Se connecter" }).click();
  await expect(camille.message("Avant l’expiration")).toBeVisible();
  await expect(camille.message("Une nouvelle")).toBeVisible();
  await expect(page.getByRole("dialog")).toHaveCount(0);
});
