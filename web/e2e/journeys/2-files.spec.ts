// SPDX-License-Identifier: Apache-2.0
import { readFile } from "node:fs/promises";
import { expect, PHONE, test } from "../support/person.ts";

test("an image and a document travel encrypted and come out the same", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin", { screen: PHONE });
  await camille.signUp();
  await jean.signUp();
  await camille.writeTo(jean);
  await jean.accept(camille.name);

  const picture = await camille.page.screenshot();
  await camille.page.setInputFiles("input[type=file][multiple]", { name: "plan.png", mimeType: "image/png", buffer: picture });
  await expect(camille.page.getByText("plan.png")).toBeVisible();
  await camille.composer.fill("Le plan du bâtiment");
  await camille.page.getByRole("button", { name: "Envoyer", exact: true }).click();
  const image = jean.page.getByRole("button", { name: "Agrandir l’image plan.png" });
  await expect(image.locator("img")).toBeVisible();
  await expect(jean.message("Le plan du bâtiment")).toBeVisible();
  await image.click();
  await expect(jean.page.getByRole("dialog").getByRole("img", { name: "Le plan du bâtiment" })).toBeVisible();
  await jean.page.keyboard.press("Escape");
  await expect(jean.page.getByRole("dialog")).toHaveCount(0);

  const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31) % 256));
  await camille.page.setInputFiles("input[type=file][multiple]", { name: "note.pdf", mimeType: "application/pdf", buffer: content });
  await camille.page.getByRole("button", { name: "Envoyer", exact: true }).click();
  const save = jean.page.getByRole("button", { name: "Télécharger note.pdf" });
  await expect(save).toBeVisible();
  const download = jean.page.waitForEvent("download");
  await save.click();
  const path = await (await download).path();
  expect(Buffer.compare(await readFile(path), content)).toBe(0);
  await camille.page.screenshot({ path: "test-results/screens/files-1280.png" });
  await jean.page.screenshot({ path: "test-results/screens/files-390.png" });
});
