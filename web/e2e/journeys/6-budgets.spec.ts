// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { budget } from "../support/budgets.ts";
import { Api, freshName, PASSWORD } from "../support/matrix.ts";
import { expect, type Person, test } from "../support/person.ts";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));

/** When the application first reached a state, in milliseconds after the page began to load. */
async function markedAt(page: Page, name: string): Promise<number> {
  await page.waitForFunction((mark) => performance.getEntriesByName(mark).length > 0, name);
  return page.evaluate((mark) => performance.getEntriesByName(mark)[0]?.startTime ?? Number.NaN, name);
}

/** Conversations that the SDK has on disk, which a start shows before the server answers. */
const onDisk = (page: Page): Promise<number> => page.evaluate(async () => {
  const name = (await indexedDB.databases()).map((one) => one.name ?? "").find((one) => one.includes("estafette-sync"));
  if (name === undefined) return 0;
  const done = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const database = await done(indexedDB.open(name));
  const [kept] = await done(database.transaction("sync").objectStore("sync").getAll()) as { roomsData?: { join?: object } }[];
  database.close();
  return Object.keys(kept?.roomsData?.join ?? {}).length;
});

test("first load: at most 300 kB of JavaScript, brotli, without the cryptography", async () => {
  const html = readFileSync(join(dist, "index.html"), "utf8");
  const files = readdirSync(join(dist, "assets")).filter((name) => name.endsWith(".js.br"));
  const size = (pattern: RegExp): number => files.filter((name) => pattern.test(name)).reduce((sum, name) => sum + statSync(join(dist, "assets", name)).size, 0) / 1000;
  // What is not worth compressing travels as it is.
  const travels = (name: string): number => statSync(join(dist, "assets", files.includes(`${name}.br`) ? `${name}.br` : name)).size;
  const signIn = [...html.matchAll(/assets\/([\w.-]+\.js)/g)].map((match) => match[1] ?? "");
  budget("JavaScript of the sign-in page", signIn.reduce((sum, name) => sum + travels(name), 0) / 1000, 120, "kB");
  // Emoji, Markdown, PDF, OAuth, settings, creation, the panel of a room, key files and the watch on a second account are fetched when used; the cryptography after the sign-in.
  budget("JavaScript to the conversations", size(/^(?!compact|SettingsScreen|CreateScreen|RoomPanelView|InviteesView|Editable|watch-|markdown|recovery-pdf|oauth|keyfile|rust-crypto|matrix-sdk-crypto|key-passphrase)/), 300, "kB");
  console.log(`cryptography: ${size(/rust-crypto|matrix-sdk-crypto|key-passphrase/).toFixed(1)} kB of JavaScript, ${(statSync(join(dist, "assets", readdirSync(join(dist, "assets")).find((name) => name.endsWith(".wasm.br")) ?? "")).size / 1000).toFixed(0)} kB of wasm`);
});

/** Every conversation has a thousand members: their accounts would take the server minutes to make. */
async function manyMembers(page: Page): Promise<void> {
  await page.route("**/rooms/*/members*", (route) => {
    const room = decodeURIComponent(/rooms\/([^/]+)\//.exec(route.request().url())?.[1] ?? "");
    const chunk = Array.from({ length: 1000 }, (_, index) => ({
      type: "m.room.member", room_id: room, event_id: `$membre${index}`, sender: `@agent${index}:ailleurs.test`, state_key: `@agent${index}:ailleurs.test`,
      origin_server_ts: 1_700_000_000_000 + index, content: { membership: "join", displayname: `Agent ${(index * 7919) % 1000} Été` },
    }));
    return route.fulfill({ status: 200, contentType: "application/json", body: JSON.stringify({ chunk }) });
  });
}

test("sign in, start again and open a room with 50 rooms; the view does not move", async ({ person }) => {
  const camille = await person("Camille Durand");
  const writer = await Api.register(freshName("redacteur"), "Rédacteur");
  const me = await Api.register(camille.username, camille.name);
  for (let index = 0; index < 50; index += 1) {
    const roomId = await writer.createRoom({ name: `Salon ${String(index).padStart(2, "0")}`, preset: "private_chat", invite: [me.userId] });
    await me.join(roomId);
    await writer.send(roomId, `Premier message du salon ${index}`);
    if (index === 49) for (let line = 0; line < 260; line += 1) await writer.send(roomId, `Ligne ${line} ${"mot ".repeat(line % 37)}`);
  }
  const { page } = camille;
  await manyMembers(page);
  await page.goto("/");
  await page.getByLabel("Identifiant").waitFor();
  budget("sign-in page interactive", await markedAt(page, "estafette:sign-in"), 1000, "ms");
  // A person takes a moment to type; meanwhile the rest is fetched.
  await page.waitForLoadState("networkidle");
  const before = Date.now();
  await camille.signIn();
  await page.getByRole("link", { name: /Salon 49/ }).waitFor();
  budget("sign-in to room list, page load included, 50 rooms", Date.now() - before, 3000, "ms");
  await page.getByRole("button", { name: "Plus tard" }).click();
  await page.evaluate(async () => { await navigator.serviceWorker.ready; });
  await expect.poll(() => onDisk(page)).toBe(50);
  await page.reload();
  await page.getByRole("link", { name: /Salon 49/ }).waitFor();
  await page.reload();
  await page.getByRole("link", { name: /Salon 49/ }).waitFor();
  budget("warm start, 50 rooms", await markedAt(page, "estafette:list"), 1000, "ms");
  // What was put off is not asked again at each start: a banner is enough.
  await expect(page.getByText("Sans code de récupération")).toBeVisible();
  await expect(page.getByRole("dialog")).toHaveCount(0);

  await camille.open(/Salon 48/);
  await expect(camille.message("Premier message du salon 48")).toBeVisible();
  await camille.open(/Salon 49/);
  await expect(camille.message("Ligne 259")).toBeVisible();
  const opened = await page.evaluate(async () => {
    const start = performance.now();
    const link = [...document.querySelectorAll<HTMLElement>("[data-line] a")].find((one) => one.textContent?.includes("Salon 48"));
    link?.click();
    for (;;) {
      await new Promise(requestAnimationFrame);
      if ([...document.querySelectorAll("article")].some((one) => one.textContent?.includes("salon 48"))) return performance.now() - start;
      if (performance.now() - start > 60_000) throw new Error("the room was not opened");
    }
  });
  budget("open a room from memory", opened, 150, "ms");

  await camille.open(/Salon 49/);
  await expect(camille.message("Ligne 259")).toBeVisible();
  const { drift, grown } = await page.evaluate(async () => {
    const scroller = document.querySelector<HTMLElement>("[data-timeline]");
    if (!scroller) throw new Error("there are no messages");
    const before = scroller.scrollHeight;
    let worst = 0;
    const frame = (): Promise<number> => new Promise(requestAnimationFrame);
    const frames = async (count: number, look: () => void = () => undefined): Promise<void> => {
      for (let index = 0; index < count; index += 1) { await frame(); look(); }
    };
    for (let page = 0; page < 6; page += 1) {
      // Moves up by hand, then holds still while older messages arrive.
      for (let step = 0; step < 12; step += 1) { scroller.scrollTop -= 60; await frame(); }
      await frames(30);
      const anchor = [...document.querySelectorAll<HTMLElement>("article[data-event]")].find((one) => one.getBoundingClientRect().top > 200);
      const id = anchor?.dataset["event"] ?? "";
      const at = anchor?.getBoundingClientRect().top ?? 0;
      await frames(90, () => {
        const now = document.querySelector<HTMLElement>(`article[data-event="${CSS.escape(id)}"]`);
        if (now) worst = Math.max(worst, Math.abs(now.getBoundingClientRect().top - at));
      });
    }
    return { drift: worst, grown: scroller.scrollHeight - before };
  });
  expect(grown, "history that was prepended").toBeGreaterThan(0);
  budget("drift while history is prepended", drift, 0.5, "px");

  await page.getByRole("button", { name: "Aller aux derniers messages" }).click();
  await expect(camille.message("Ligne 259")).toBeVisible();
  await page.evaluate(() => {
    const tasks: number[] = [];
    const observer = new PerformanceObserver((list) => { for (const entry of list.getEntries()) tasks.push(entry.duration); });
    observer.observe({ type: "longtask" });
    Object.assign(window, { stopMeasuring: () => { observer.disconnect(); return Math.max(0, ...tasks); } });
  });
  // Meanwhile somebody else types and writes, as in any conversation that is alive.
  const roomId = decodeURIComponent(new URL(page.url()).hash.split("/")[2] ?? "");
  const busy = (async () => {
    for (let turn = 0; turn < 4; turn += 1) {
      await writer.call("PUT", `v3/rooms/${encodeURIComponent(roomId)}/typing/${encodeURIComponent(writer.userId)}`, { typing: turn % 2 === 0, timeout: 10_000 });
      await writer.send(roomId, `Pendant ce temps ${turn}`);
    }
  })();
  await camille.composer.pressSequentially("Une phrase tapée tranquillement, lettre après lettre, pendant que d’autres écrivent.", { delay: 30 });
  await busy;
  await expect(camille.message("Pendant ce temps 3")).toBeVisible();
  budget("longest task while typing, 1,000 members", await page.evaluate(() => (window as unknown as { stopMeasuring: () => number }).stopMeasuring()), 50, "ms");
});

/** Messages in each of the thousand rooms: with what made the room, as much as is kept of one. */
const MESSAGES = 12;

/**
 * What the page and its worker hold once garbage is collected, in megabytes. The browser collects
 * it by itself when it is idle, which here would be a long wait.
 */
async function heapOf(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  const sizes: number[] = [];
  await session.send("HeapProfiler.collectGarbage");
  sizes.push((await session.send("Runtime.getHeapUsage")).usedSize / 1e6);
  let attached = 0;
  session.on("Target.attachedToTarget", ({ sessionId, targetInfo }) => {
    if (targetInfo.type !== "worker") return;
    attached += 1;
    const ask = (id: number, method: string): Promise<unknown> => session.send("Target.sendMessageToTarget", { sessionId, message: JSON.stringify({ id, method }) });
    void ask(1, "HeapProfiler.collectGarbage").then(() => ask(2, "Runtime.getHeapUsage"));
  });
  session.on("Target.receivedMessageFromTarget", ({ message }) => {
    const { id, result } = JSON.parse(message) as { id?: number; result?: { usedSize: number } };
    if (id === 2 && result) sizes.push(result.usedSize / 1e6);
  });
  await session.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  await expect.poll(() => attached > 0 && sizes.length === attached + 1).toBe(true);
  await session.detach();
  console.log(`heap of the page and of its worker: ${sizes.map((size) => size.toFixed(1)).join(" + ")} MB`);
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The heap once nothing more is on its way. */
async function restingHeap(page: Page): Promise<number> {
  let last = Number.POSITIVE_INFINITY;
  await expect.poll(async () => {
    const now = await heapOf(page);
    const moved = Math.abs(now - last);
    last = now;
    return moved;
  }, { intervals: [1_000], timeout: 180_000 }).toBeLessThan(0.3);
  return last;
}

test("start again with 1,000 rooms", async ({ person }) => {
  // Some fifteen thousand requests make the rooms.
  test.setTimeout(1_800_000);
  const camille = await person("Camille Durand");
  const writer = await Api.register(freshName("redacteur"), "Rédacteur");
  const me = await Api.register(camille.username, camille.name);
  let next = 0;
  const make = async (): Promise<void> => {
    for (let index = next++; index < 1000; index = next++) {
      const roomId = await writer.createRoom({ name: `Salon ${index}`, preset: "private_chat", invite: [me.userId] });
      await me.join(roomId);
      for (let line = 0; line < MESSAGES; line += 1) await writer.send(roomId, `Message ${line} du salon ${index}, avec quelques mots de plus pour la taille.`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, make));
  const { page } = camille;
  await camille.signIn();
  await expect(page.getByRole("link", { name: /Salon \d+/ }).first()).toBeVisible();
  await page.getByRole("button", { name: "Plus tard" }).click();
  await page.evaluate(async () => { await navigator.serviceWorker.ready; });
  for (let start = 0; start < 2; start += 1) {
    await page.reload();
    await page.getByRole("link", { name: /Salon \d+/ }).first().waitFor();
    // What the first start fetched is on disk once the sync has settled.
    await expect.poll(() => onDisk(page)).toBe(1000);
  }
  budget("warm start, 1,000 rooms", await markedAt(page, "estafette:list"), 2000, "ms");
  budget("heap with 1,000 rooms, the store's worker included", await restingHeap(page), 80, "MB");
  const box = page.getByRole("searchbox", { name: "Rechercher une conversation" });
  await box.fill("Salon 777");
  await expect(page.getByRole("link", { name: /Salon 777/ })).toBeVisible();

  // Another account is opened instead: what watching these thousand rooms takes is what it takes more than alone.
  const alone = await person("Astreinte", { username: freshName("astreinte") });
  await Api.register(alone.username, alone.name);
  const open = async (browser: Person): Promise<void> => {
    await browser.page.getByLabel("Identifiant").fill(alone.username);
    await browser.page.getByLabel("Mot de passe", { exact: true }).fill(PASSWORD);
    await browser.page.getByRole("button", { name: "Se connecter" }).click();
    await browser.page.getByRole("button", { name: "Plus tard" }).click();
    await browser.page.reload();
    await expect(browser.page.getByText("Aucune conversation pour l’instant.")).toBeVisible();
  };
  await alone.page.goto("/");
  await open(alone);
  const before = await restingHeap(alone.page);
  await page.getByRole("button", { name: "Réglages" }).click();
  await page.getByRole("button", { name: "Ajouter un compte" }).click();
  await open(camille);
  await expect(page.getByRole("button", { name: /^Comptes.*à lire/ })).toBeVisible();
  budget("heap more for watching an account of 1,000 rooms", await restingHeap(page) - before, 4, "MB");
});
