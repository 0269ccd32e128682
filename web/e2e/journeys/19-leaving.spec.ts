// SPDX-License-Identifier: Apache-2.0
/** Without this: somebody signs out, is told that all is safe, and has lost what was not yet saved or sent. */
import { clean } from "../support/look.ts";
import { expect, test } from "../support/person.ts";

test("signing out says what is not saved and not sent, and that nothing is once nothing is", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin");
  await camille.signUp();
  await jean.signUp();
  const { page, context } = camille;
  const dialog = page.getByRole("dialog").last();
  const think = async (): Promise<void> => {
    await page.getByRole("button", { name: "Réglages" }).click();
    await page.getByRole("button", { name: "Se déconnecter" }).click();
  };
  const stay = async (): Promise<void> => {
    await dialog.getByRole("button", { name: "Annuler" }).click();
    await expect(page.getByRole("dialog")).toHaveCount(1);
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
  };

  // The backup takes nothing for now.
  let broken = true;
  await context.route("**/room_keys/keys**", (route) => (broken && route.request().method() === "PUT" ? route.abort() : route.continue()));
  await camille.writeTo(jean);
  await camille.say("Pour mémoire");
  await camille.sent("Pour mémoire");
  await think();
  await expect(dialog.getByText("n’est pas encore sauvegardé (1 restant)")).toBeVisible();
  await expect(dialog.getByText("Vos messages chiffrés se retrouveront")).toHaveCount(0);
  await page.screenshot({ path: "test-results/screens/leaving-1280.png" });
  await clean(page, "leaving");
  broken = false;
  await expect(dialog.getByText("Vos messages chiffrés se retrouveront avec votre code de récupération.")).toBeVisible({ timeout: 120_000 });
  await stay();

  // Written without a network, and after a new start without one: still counted.
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await context.setOffline(true);
  await camille.say("Écrit dans le train");
  await expect(camille.message("Écrit dans le train")).toBeVisible();
  await page.reload();
  await expect(page.getByRole("link", { name: /Jean Martin/ })).toBeVisible();
  await think();
  await expect(dialog.getByText("Un message n’a pas encore été envoyé")).toBeVisible();
  await context.setOffline(false);
  await expect(dialog.getByText("Un message n’a pas encore été envoyé")).toHaveCount(0);
  await expect(dialog.getByText("Vos messages chiffrés se retrouveront avec votre code de récupération.")).toBeVisible();
  await dialog.getByRole("button", { name: "Se déconnecter" }).click();
  await expect(page.getByLabel("Identifiant")).toBeVisible();
});
