// SPDX-License-Identifier: Apache-2.0
/** The recovery code: kept in three ways without any network, never lost unseen, mended when mistyped. */
import { readFile } from "node:fs/promises";
import { clean, noSideways } from "../support/look.ts";
import { PASSWORD } from "../support/matrix.ts";
import { expect, type Person, PHONE, test } from "../support/person.ts";

/** Up to the screen with the code. */
async function untilCode(person: Person): Promise<string> {
  const { page } = person;
  await page.goto("/");
  await page.getByRole("button", { name: "Créer un compte" }).click();
  await page.getByLabel("Prénom et nom").fill(person.name);
  await page.getByLabel("Identifiant").fill(person.username);
  await page.getByLabel("Mot de passe", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Créer un compte" }).click();
  await page.getByRole("button", { name: "Obtenir mon code de récupération" }).click();
  return codeOf(person);
}

const codeOf = async ({ page }: Person): Promise<string> =>
  (await page.locator("[data-recovery-code]").innerText()).replace(/\s+/g, " ").trim();

test("the code is copied, printed and saved as PDF with the network away", async ({ person }) => {
  const camille = await person("Camille Durand");
  const { page, context } = camille;
  const code = await untilCode(camille);
  // What these ways need is fetched with the application, not from anybody at the last moment.
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await context.setOffline(true);
  await page.getByRole("button", { name: "Copier" }).click();
  await expect(page.getByRole("button", { name: "Code copié" })).toBeVisible();
  expect((await page.evaluate(() => navigator.clipboard.readText())).replace(/\s+/g, " ").trim()).toBe(code);

  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Enregistrer en PDF" }).click();
  const pdf = await readFile(await (await download).path(), "latin1");
  expect(pdf.startsWith("%PDF-1.4")).toBe(true);
  const drawn = [...pdf.matchAll(/\((.*?)\) Tj/g)].map((match) => match[1]).join(" ");
  expect(drawn).toContain(code);
  expect(drawn).toContain(`@${camille.username}`);
  const table = Number(/startxref\n(\d+)/.exec(pdf)?.[1]);
  expect(pdf.slice(table, table + 4)).toBe("xref");

  await page.evaluate(() => { window.print = () => { document.documentElement.dataset["printed"] = "yes"; }; });
  await page.getByRole("button", { name: "Imprimer" }).click();
  await expect(page.locator("html[data-printed=yes]")).toBeAttached();
  await page.emulateMedia({ media: "print" });
  await expect(page.locator("[data-recovery-code]")).toBeVisible();
  await expect(page.getByText(`@${camille.username}`).first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Copier" })).toBeHidden();
  await page.screenshot({ path: "test-results/screens/code-printed.png" });
  await page.emulateMedia({ media: "screen" });
  await context.setOffline(false);
  await page.getByLabel("J’ai conservé mon code en lieu sûr").check();
  await page.getByRole("button", { name: "Continuer" }).click();
});

test("a page that went away while the code was shown asks whether it was kept; a mistyped code is mended", async ({ person }) => {
  const camille = await person("Camille Durand", { screen: PHONE, touch: true });
  const { page } = camille;
  const lost = await untilCode(camille);
  await page.reload();
  await expect(page.getByRole("heading", { name: "Avez-vous conservé votre code de récupération ?" })).toBeVisible();
  await clean(page, "unsure");
  await noSideways(page, "unsure");
  await page.screenshot({ path: "test-results/screens/code-unsure-390.png" });
  await page.getByRole("button", { name: "Créer un nouveau code" }).click();
  camille.code = await codeOf(camille);
  expect(camille.code).not.toBe(lost);
  await page.getByLabel("J’ai conservé mon code en lieu sûr").check();
  await page.getByRole("button", { name: "Continuer" }).click();
  await page.reload();
  await expect(page.getByRole("button", { name: "Nouvelle conversation" })).toBeVisible();
  await expect(page.getByRole("dialog")).toHaveCount(0);

  const second = await person("Camille Durand", { username: camille.username, screen: { width: 320, height: 640 }, touch: true });
  await second.signIn();
  await second.page.getByRole("button", { name: "Avec mon code de récupération" }).click();
  const field = second.page.getByRole("textbox", { name: "Code de récupération" });
  const submit = second.page.getByRole("button", { name: "Confirmer cet appareil" });
  await field.fill(camille.code.slice(0, -2));
  await submit.click();
  await expect(second.page.getByText("il manque 2 caractères")).toBeVisible();
  await expect(field).toHaveValue(camille.code.slice(0, -2));
  await clean(second.page, "mistyped code");
  await second.page.screenshot({ path: "test-results/screens/code-mistyped-320.png" });
  await field.fill(lost);
  await submit.click();
  await expect(second.page.getByText("c’est un ancien code")).toBeVisible();
  await field.fill(camille.code);
  await submit.click();
  await second.page.getByRole("button", { name: "Ouvrir mes conversations" }).click();
});

test("the browser is asked to keep what messages are read with, once there is something to keep; its answer is shown", async ({ person }) => {
  for (const granted of [true, false]) {
    const camille = await person("Camille Durand");
    const { page } = camille;
    await page.addInitScript((answer) => {
      let asked = 0;
      navigator.storage.persisted = async () => asked > 0 && answer;
      navigator.storage.persist = async () => { asked += 1; document.documentElement.dataset["asked"] = String(asked); return answer; };
    }, granted);
    await page.goto("/");
    await expect(page.getByRole("button", { name: "Créer un compte" })).toBeVisible();
    await expect(page.locator("html[data-asked]")).toHaveCount(0);
    await camille.signUp();
    await expect(page.locator("html[data-asked='1']")).toBeAttached();
    await page.getByRole("button", { name: "Réglages" }).click();
    const storage = page.getByRole("region", { name: "Conservation sur cet appareil" });
    await expect(storage.getByText(granted ? "s’engage à conserver" : "pourrait effacer")).toBeVisible();
    await expect(storage.getByRole("button", { name: "Demander la conservation" })).toHaveCount(granted ? 0 : 1);
  }
});
