// SPDX-License-Identifier: Apache-2.0
/** Where one is in a conversation: at the end, at the first unread message, and after sending. */
import { clean } from "../support/look.ts";
import { Api, freshName } from "../support/matrix.ts";
import { expect, type Person, test } from "../support/person.ts";

interface Prepared { readonly camille: Person; readonly writer: Api; readonly me: Api; readonly roomId: string }
type Make = (name: string) => Promise<Person>;

/** Somebody in a conversation with that many messages of another person. */
async function prepare(person: Make, name: string, messages: number): Promise<Prepared> {
  const camille = await person("Camille Durand");
  const writer = await Api.register(freshName("redacteur"), "Rédacteur");
  const me = await Api.register(camille.username, camille.name);
  const roomId = await writer.createRoom({ name, preset: "private_chat", invite: [me.userId] });
  await me.join(roomId);
  for (let line = 0; line < messages; line += 1) await writer.send(roomId, `Ligne ${line} ${"mot ".repeat(line % 31)}`);
  return { camille, writer, me, roomId };
}

async function enter({ camille }: Prepared, name: string): Promise<void> {
  await camille.signIn();
  await camille.page.getByRole("button", { name: "Plus tard" }).click();
  await camille.open(new RegExp(name));
}

/** Pixels between what is shown last and the end of the conversation. */
const toEnd = (person: Person): Promise<number> => person.page.evaluate(() => {
  const scroller = document.querySelector<HTMLElement>("[data-timeline]");
  return scroller ? scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop : Number.POSITIVE_INFINITY;
});

const scrollUp = async (person: Person, pixels: number): Promise<void> => {
  await person.page.locator("[data-timeline]").hover();
  // A gesture within the first moments of a conversation, while its rows are measured, may be lost: people repeat it too.
  await expect.poll(async () => {
    await person.page.mouse.wheel(0, -pixels);
    return toEnd(person);
  }).toBeGreaterThan(pixels / 2);
};

test("what one sends is shown, also while reading above, and the end stays in view when the window shrinks", async ({ person }) => {
  const prepared = await prepare(person, "Longue", 60);
  const { camille, writer, roomId } = prepared;
  const { page } = camille;
  await enter(prepared, "Longue");
  await expect(camille.message("Ligne 59")).toBeVisible();
  await scrollUp(camille, 1200);
  // News of others does not move who reads above.
  await writer.send(roomId, "Une nouvelle en bas");
  await expect(page.getByText("1 nouveau message", { exact: true }).first()).toBeVisible();
  expect(await toEnd(camille)).toBeGreaterThan(600);
  await camille.say("Ma réponse");
  await expect(camille.message("Ma réponse")).toBeInViewport();
  await camille.sent("Ma réponse");
  await expect.poll(() => toEnd(camille)).toBeLessThan(5);

  // The tray of files takes height from the messages.
  const shot = await page.screenshot();
  await page.locator("input[type=file]").first().setInputFiles({ name: "plan.png", mimeType: "image/png", buffer: shot });
  await expect(page.getByRole("button", { name: "Retirer plan.png" })).toBeVisible();
  await expect.poll(() => toEnd(camille)).toBeLessThan(5);
  // While it is on its way it is shown from this device, in the size that it keeps.
  let letThrough = (): void => undefined;
  const gate = new Promise<void>((resolve) => { letThrough = resolve; });
  await page.route("**/upload*", async (route) => { await gate; await route.continue(); });
  await page.getByRole("button", { name: "Envoyer", exact: true }).click();
  const picture = page.getByRole("button", { name: "Agrandir l’image plan.png" });
  await expect(picture).toBeInViewport();
  await expect(page.locator("article[data-item] img[src^='blob:']")).toBeVisible();
  const waiting = await picture.boundingBox();
  letThrough();
  await expect(page.locator("article[data-item]").last().locator("[title='Envoyé']")).toBeVisible();
  await expect(page.locator("article[data-item] img[src*='/_matrix/']").last()).toBeVisible();
  expect(waiting?.height).toBeGreaterThan(0);
  await expect.poll(async () => (await picture.boundingBox())?.height).toBe(waiting?.height);
  await expect.poll(() => toEnd(camille)).toBeLessThan(5);
  await picture.press("Enter");
  await expect(page.getByRole("dialog").getByRole("img", { name: "plan.png" })).toBeVisible();
  await clean(page, "picture");
  await page.screenshot({ path: "test-results/screens/picture-1280.png" });
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(picture).toBeFocused();
  await page.setViewportSize({ width: 1280, height: 500 });
  await expect.poll(() => toEnd(camille)).toBeLessThan(5);
  await page.setViewportSize({ width: 700, height: 800 });
  await expect.poll(() => toEnd(camille)).toBeLessThan(5);
});

test("more unread than a page holds: one press leads to the first, another to the latest", async ({ person }) => {
  const prepared = await prepare(person, "Très lue", 150);
  const { camille, me, roomId } = prepared;
  const { chunk } = await me.call("GET", `v3/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=150`) as { chunk: { event_id: string; content: { body?: string } }[] };
  const read = chunk.find((event) => event.content.body?.startsWith("Ligne 20 "))?.event_id ?? "";
  await me.call("POST", `v3/rooms/${encodeURIComponent(roomId)}/read_markers`, { "m.fully_read": read, "m.read": read });
  await enter(prepared, "Très lue");
  await expect(camille.message("Ligne 149")).toBeVisible();
  await camille.page.getByRole("button", { name: "Aller au premier message non lu" }).click();
  await expect(camille.page.getByText("Nouveaux messages")).toBeInViewport();
  await expect(camille.message(/Ligne 21 /)).toBeInViewport();
  await clean(camille.page, "unread");
  await camille.page.screenshot({ path: "test-results/screens/unread-1280.png" });
  await camille.page.getByRole("button", { name: "Aller aux derniers messages" }).click();
  await expect(camille.message("Ligne 149")).toBeInViewport();
  await expect.poll(() => toEnd(camille)).toBeLessThan(5);
});

test("a short conversation is shown also where history comes before the browser has measured anything", async ({ person }) => {
  const prepared = await prepare(person, "Courte", 2);
  const { camille } = prepared;
  await camille.page.addInitScript(() => {
    const Real = window.ResizeObserver;
    window.ResizeObserver = class Late extends Real {
      constructor(react: ResizeObserverCallback) {
        super((entries, observer) => { setTimeout(() => react(entries, observer), 1_000); });
      }
    };
  });
  await enter(prepared, "Courte");
  // Not only when the minute turns, which draws it anew.
  await expect(camille.message("Ligne 1")).toBeVisible({ timeout: 30_000 });
  await expect(camille.message("Ligne 0")).toBeVisible();
});

test("the menu of a message can be read, and a name does not invite anybody unasked", async ({ person }) => {
  const prepared = await prepare(person, "Menus", 2);
  const { camille, writer } = prepared;
  const { page } = camille;
  await enter(prepared, "Menus");
  const row = camille.message("Ligne 1");
  await row.hover();
  await row.getByRole("button", { name: "Actions du message" }).click();
  for (const name of ["Répondre", "Copier le texte", "Copier le lien"]) {
    await expect(page.getByRole("menuitem", { name })).toBeVisible();
    const box = await page.getByRole("menuitem", { name }).boundingBox();
    expect(box?.width, name).toBeGreaterThan(150);
    expect(box?.height, name).toBeLessThan(60);
  }
  await page.screenshot({ path: "test-results/screens/menu-1280.png" });
  await page.keyboard.press("Escape");

  const made: string[] = [];
  page.on("request", (request) => { if (request.method() === "POST" && request.url().endsWith("/createRoom")) made.push(request.url()); });
  await page.getByRole("button", { name: "Rédacteur", exact: true }).click();
  await expect(page.getByRole("dialog")).toContainText("Écrire à Rédacteur");
  await clean(page, "ask before inviting");
  await page.getByRole("button", { name: "Annuler" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  expect(made).toEqual([]);
  await page.getByRole("button", { name: "Rédacteur", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Écrire" }).click();
  await expect.poll(async () => Object.keys((await writer.call("GET", "v3/sync?timeout=0") as { rooms?: { invite?: object } }).rooms?.invite ?? {}).length).toBe(1);
  // One alone: what was cancelled before did not come after all.
  expect(made.length).toBe(1);
});
