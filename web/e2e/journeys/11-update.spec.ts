// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { baseURL } from "../../playwright.config.ts";
import { Api } from "../support/matrix.ts";
import { expect, test } from "../support/person.ts";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Serves a copy of the client in front of the server: its files can be replaced while it is used. */
async function serveCopy(): Promise<{ origin: string; folder: string; process: ChildProcess }> {
  const folder = mkdtempSync(join(tmpdir(), "estafette-client-"));
  cpSync(path("../../dist"), folder, { recursive: true });
  const server = spawn(process.execPath, [path("../serve.mjs"), baseURL, "0", folder], { stdio: ["ignore", "pipe", "inherit"] });
  const origin = await new Promise<string>((resolve) => { server.stdout.once("data", (line: Buffer) => resolve(line.toString().trim())); });
  return { origin, folder, process: server };
}

/** What a deployment does: the worker and the version it names are other ones. */
function deploy(folder: string): void {
  const worker = join(folder, "sw.js");
  const text = readFileSync(worker, "utf8");
  const [version = ""] = /[0-9a-f]{16}/.exec(text) ?? [];
  expect(version).not.toBe("");
  for (const form of [".br", ".gz"]) rmSync(worker + form, { force: true });
  writeFileSync(worker, text.replace(version, [...version].reverse().join("")));
}

test("a new version: said calmly, taken when asked, and nothing that was written is lost", async ({ person }) => {
  const { origin, folder, process: server } = await serveCopy();
  try {
    const camille = await person("Camille Durand", { origin });
    await camille.signUp();
    const me = await Api.login(camille.username);
    await me.createRoom({ name: "Mise à jour", preset: "private_chat" });
    await me.createRoom({ name: "Autre salon", preset: "private_chat" });
    const { page } = camille;
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await page.reload();
    await camille.open(/Mise à jour/);
    await page.route("**/send/m.room.message/**", (route) => route.abort());
    await camille.say("Dans la file");
    await expect(camille.message("Dans la file").getByRole("button", { name: "Annuler l’envoi" })).toBeVisible();
    await camille.composer.fill("Un brouillon pas encore envoyé");

    deploy(folder);
    await page.evaluate(async () => { await (await navigator.serviceWorker.getRegistration())?.update(); });
    const said = page.getByText("Une nouvelle version est prête");
    await expect(said).toBeVisible();
    // It waits: the person goes on writing where they were.
    await expect(camille.composer).toBeFocused();
    await expect(camille.composer).toHaveValue("Un brouillon pas encore envoyé");
    await page.screenshot({ path: "test-results/screens/update-1280.png" });

    await page.getByRole("button", { name: "Recharger" }).click();
    await expect(said).toHaveCount(0);
    await expect(camille.composer).toHaveValue("Un brouillon pas encore envoyé");
    await expect(camille.message("Dans la file")).toBeVisible();
    await page.unroute("**/send/m.room.message/**");
    await camille.sent("Dans la file");
    // The version before stays at hand for tabs that still run it, and no version before that.
    await expect.poll(() => page.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith("estafette-")).length)).toBe(2);
  } finally {
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
});
