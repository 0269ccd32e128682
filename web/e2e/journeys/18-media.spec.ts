// SPDX-License-Identifier: Apache-2.0
/** Without this: files dropped, pictures pasted and videos reach nobody, or take the application with them. */
import type { Page } from "@playwright/test";
import { clean } from "../support/look.ts";
import { Api } from "../support/matrix.ts";
import { expect, type Person, PHONE, test } from "../support/person.ts";

type Transfer = Awaited<ReturnType<Page["evaluateHandle"]>>;

const transfer = (page: Page, name: string, type: string, text: string): Promise<Transfer> => page.evaluateHandle(({ name, type, text }) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type }));
  return data;
}, { name, type, text });

async function together(camille: Person, jean: Person): Promise<void> {
  await camille.signUp();
  await jean.signUp();
  await camille.writeTo(jean);
  await jean.accept(camille.name);
}

test("a file is dropped on the conversation, and beside it nothing happens", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin", { screen: PHONE });
  await together(camille, jean);
  const { page } = camille;
  const zone = page.getByRole("region", { name: /Messages/ });
  const dragged = await transfer(page, "procès-verbal.txt", "text/plain", "séance ouverte à dix heures");
  await zone.dispatchEvent("dragover", { dataTransfer: dragged });
  await expect(page.getByText("Déposez vos fichiers ici")).toBeVisible();
  await page.screenshot({ path: "test-results/screens/drop-1280.png" });
  await clean(page, "drop");
  await zone.dispatchEvent("drop", { dataTransfer: dragged });
  await expect(page.getByText("Déposez vos fichiers ici")).toHaveCount(0);
  await expect(page.getByText("procès-verbal.txt")).toBeVisible();
  await page.getByRole("button", { name: "Envoyer", exact: true }).click();
  await expect(jean.page.getByRole("button", { name: "Télécharger procès-verbal.txt" })).toBeVisible();

  // Beside the conversation: refused by the page, so that the browser does not open the file in its place.
  const refused = await page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(["x"], "à côté.txt"));
    const event = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
    document.querySelector("nav")?.dispatchEvent(event);
    return event.defaultPrevented;
  });
  expect(refused).toBe(true);
  await expect(page.getByText("à côté.txt")).toHaveCount(0);
});

test("a picture is pasted from the clipboard; words copied from a document stay words", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin", { screen: PHONE });
  await together(camille, jean);
  const { page } = camille;
  const copy = (withWords: boolean): Promise<void> => page.evaluate(async (withWords) => {
    const canvas = new OffscreenCanvas(320, 180);
    const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
    context.fillStyle = "#1b4fd0";
    context.fillRect(0, 0, 320, 180);
    const image = await canvas.convertToBlob({ type: "image/png" });
    const words = { "text/plain": new Blob(["Budget 2027"], { type: "text/plain" }), "text/html": new Blob(["<b>Budget 2027</b>"], { type: "text/html" }) };
    await navigator.clipboard.write([new ClipboardItem({ "image/png": image, ...(withWords ? words : {}) })]);
  }, withWords);

  await page.bringToFront();
  await copy(false);
  await camille.composer.focus();
  await page.keyboard.press("Control+v");
  await expect(page.getByText(/^image-[\d-]+\.png$/)).toBeVisible();
  await camille.composer.fill("Le plan, copié à l’écran");
  await page.keyboard.press("Enter");
  await expect(jean.page.getByRole("button", { name: /Agrandir l’image image-[\d-]+\.png/ }).locator("img")).toBeVisible();
  await expect(jean.message("Le plan, copié à l’écran")).toBeVisible();

  await copy(true);
  await camille.composer.focus();
  await page.keyboard.press("Control+v");
  await expect(camille.composer).toHaveValue("Budget 2027");
  await expect(page.getByRole("button", { name: /^Retirer image/ })).toHaveCount(0);
});

/** Two seconds of a moving square, recorded by the browser itself. */
const record = (page: Page): Promise<number[]> => page.evaluate(async () => {
  const canvas = document.createElement("canvas");
  canvas.width = 320;
  canvas.height = 180;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/webm;codecs=vp8" });
  const parts: Blob[] = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start();
  for (let step = 0; step < 50; step += 1) {
    context.fillStyle = "#1b4fd0";
    context.fillRect(0, 0, 320, 180);
    context.fillStyle = "#ffd23f";
    context.fillRect(step * 5, 60, 60, 60);
    await new Promise((resolve) => { setTimeout(resolve, 40); });
  }
  recorder.stop();
  await stopped;
  return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
});

const played = (page: Page): Promise<number> => page.locator("video").evaluate((video: HTMLVideoElement) => video.currentTime);

test("a video is sent with a preview and plays, encrypted and in a public room", async ({ person }) => {
  const camille = await person("Camille Durand");
  const jean = await person("Jean Martin", { screen: PHONE });
  await together(camille, jean);
  const { page } = camille;
  const buffer = Buffer.from(await record(page));
  const send = async (name: string): Promise<void> => {
    await page.setInputFiles("input[type=file][multiple]", { name, mimeType: "video/webm", buffer });
    await expect(page.getByText(name)).toBeVisible();
    await page.getByRole("button", { name: "Envoyer", exact: true }).click();
  };
  const plays = async (name: string): Promise<void> => {
    const preview = jean.page.getByRole("button", { name: `Lire ${name}` });
    await expect(preview.locator("img")).toBeVisible();
    await expect.poll(async () => {
      const size = await preview.boundingBox();
      return (size?.width ?? 0) / (size?.height ?? 1);
    }).toBeCloseTo(320 / 180, 1);
    await preview.click();
    await expect.poll(() => played(jean.page)).toBeGreaterThan(0.2);
    await jean.page.screenshot({ path: `test-results/screens/video-${name.split(".")[0] ?? ""}-390.png` });
    await clean(jean.page, name);
    await jean.page.keyboard.press("Escape");
    await expect(jean.page.locator("video")).toHaveCount(0);
  };
  await send("visite.webm");
  await plays("visite.webm");
  await page.screenshot({ path: "test-results/screens/video-1280.png" });

  // Not encrypted: streamed by the browser, with ranges, through the service worker.
  const api = await Api.login(camille.username);
  const roomId = await api.createRoom({ name: "Cérémonies", preset: "public_chat" });
  await (await Api.login(jean.username)).join(roomId);
  await camille.open(/Cérémonies/);
  await expect(camille.composer).toBeVisible();
  await jean.page.getByRole("button", { name: "Retour" }).click();
  await jean.open(/Cérémonies/);
  await send("défilé.webm");
  await plays("défilé.webm");

  // What is no video after all is said to be none, and can still be saved.
  await page.setInputFiles("input[type=file][multiple]", { name: "abîmée.webm", mimeType: "video/webm", buffer: Buffer.from("ceci n’est pas une vidéo") });
  await page.getByRole("button", { name: "Envoyer", exact: true }).click();
  await expect(jean.page.getByRole("button", { name: "Télécharger abîmée.webm" })).toBeVisible();
});
