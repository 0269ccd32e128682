// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { Api, freshName, PASSWORD } from "../support/matrix.ts";
import { expect, type Person, test } from "../support/person.ts";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));
/** Sizes and pixels are the same everywhere; times depend on what else the machine does. */
const SLACK: Readonly<Record<string, number>> = { ms: 3 };

/** Prints what was measured beside its budget; fails beyond the budget, for times beyond three times of it. */
const budget = (what: string, measured: number, limit: number, unit: string): void => {
  const over = measured > limit ? " OVER" : "";
  console.log(`budget: ${what}: ${measured.toFixed(unit === "ms" ? 0 : 1)} ${unit} (limit ${limit} ${unit})${over}`);
  expect.soft(measured, what).toBeLessThanOrEqual(limit * (SLACK[unit] ?? 1));
};

/** When the application first reached a state, in milliseconds after the page began to load. */
const markedAt = (page: Page, name: string): Promise<number> =>
  page.evaluate((mark) => performance.getEntriesByName(mark)[0]?.startTime ?? Number.POSITIVE_INFINITY, name);

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
  test.setTimeout(300_000);
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
  await camille.signIn().catch(() => undefined);
  await page.getByRole("link", { name: /Salon 49/ }).waitFor({ timeout: 60_000 });
  budget("sign-in to room list, page load included, 50 rooms", Date.now() - before, 3000, "ms");
  await page.getByRole("button", { name: "Plus tard" }).click({ timeout: 40_000 });
  await page.evaluate(async () => { await navigator.serviceWorker.ready; });
  // The sync is written to disk now and then, and when the page hides: give it one turn.
  await page.waitForTimeout(1000);
  await page.reload();
  await page.getByRole("link", { name: /Salon 49/ }).waitFor();
  await page.waitForTimeout(3000);
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
      if (performance.now() - start > 5000) return 5000;
    }
  });
  budget("open a room from memory", opened, 150, "ms");

  await camille.open(/Salon 49/);
  await expect(camille.message("Ligne 259")).toBeVisible();
  const drift = await page.evaluate(async () => {
    const scroller = document.querySelector<HTMLElement>("[data-timeline]");
    if (!scroller) return 9999;
    let worst = 0;
    const frame = (): Promise<number> => new Promise(requestAnimationFrame);
    for (let page = 0; page < 6; page += 1) {
      // Moves up by hand, then holds still while older messages arrive.
      for (let step = 0; step < 12; step += 1) { scroller.scrollTop -= 60; await frame(); }
      const settle = performance.now();
      while (performance.now() - settle < 400) await frame();
      const anchor = [...document.querySelectorAll<HTMLElement>("article[data-event]")].find((one) => one.getBoundingClientRect().top > 200);
      const id = anchor?.dataset["event"] ?? "";
      const at = anchor?.getBoundingClientRect().top ?? 0;
      const wait = performance.now();
      while (performance.now() - wait < 1500) {
        await frame();
        const now = document.querySelector<HTMLElement>(`article[data-event="${CSS.escape(id)}"]`);
        if (now) worst = Math.max(worst, Math.abs(now.getBoundingClientRect().top - at));
      }
    }
    return worst;
  });
  budget("drift while history is prepended", drift, 0.5, "px");

  await page.getByRole("button", { name: "Aller aux derniers messages" }).click();
  await expect(camille.message("Ligne 259")).toBeVisible();
  const longest = await page.evaluate(async () => {
    const tasks: number[] = [];
    const observer = new PerformanceObserver((list) => { for (const entry of list.getEntries()) tasks.push(entry.duration); });
    observer.observe({ type: "longtask" });
    Object.assign(window, { stopMeasuring: () => { observer.disconnect(); return Math.max(0, ...tasks); } });
    return 0;
  });
  expect(longest).toBe(0);
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

test("start again with 1,000 rooms", async ({ person }) => {
  test.setTimeout(300_000);
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
  await expect(page.getByRole("link", { name: /Salon \d+/ }).first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole("button", { name: "Plus tard" }).click({ timeout: 40_000 });
  await page.evaluate(async () => { await navigator.serviceWorker.ready; });
  for (let start = 0; start < 2; start += 1) {
    await page.reload();
    await page.getByRole("link", { name: /Salon \d+/ }).first().waitFor({ timeout: 60_000 });
    // What the first start fetched is on disk once the sync has settled.
    await page.waitForTimeout(3000);
  }
  budget("warm start, 1,000 rooms", await markedAt(page, "estafette:list"), 2000, "ms");
  budget("heap with 1,000 rooms, the store's worker included", await heapOf(page), 80, "MB");
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
    await browser.page.getByRole("button", { name: "Plus tard" }).click({ timeout: 40_000 });
    await browser.page.reload();
    await expect(browser.page.getByText("Aucune conversation pour l’instant.")).toBeVisible();
  };
  await alone.page.goto("/");
  await open(alone);
  await alone.page.waitForTimeout(3000);
  const before = await heapOf(alone.page);
  await page.getByRole("button", { name: "Réglages" }).click();
  await page.getByRole("button", { name: "Ajouter un compte" }).click();
  await open(camille);
  await expect(page.getByRole("button", { name: /^Comptes.*à lire/ })).toBeVisible();
  await page.waitForTimeout(3000);
  budget("heap more for watching an account of 1,000 rooms", await heapOf(page) - before, 4, "MB");
});
