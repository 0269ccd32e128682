// SPDX-License-Identifier: Apache-2.0
/** Without this: what a new device cannot read buries what it can. */
import { clean } from "../support/look.ts";
import { Api, freshName } from "../support/matrix.ts";
import { expect, PHONE, test } from "../support/person.ts";

test("messages in a row that cannot be read take one line, which explains and opens", async ({ person }) => {
  const username = freshName("camille");
  const before = await Api.register(username, "Camille Durand");
  const jean = await Api.register(freshName("jean"), "Jean Martin");
  const roomId = await jean.createRoom({
    name: "Archives", preset: "private_chat", invite: [before.userId],
    initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
  });
  await before.join(roomId);
  await jean.send(roomId, "Avant les messages perdus");
  const lost: string[] = [];
  // A Megolm message (version 3: index, ciphertext, MAC, signature) of a key that no device has any more.
  const ciphertext = Buffer.from([3, 0x08, 0, 0x12, 16, ...Array.from({ length: 16 + 8 + 64 }, () => 7)]).toString("base64").replace(/=+$/, "");
  for (let index = 0; index < 12; index += 1) {
    const path = `v3/rooms/${encodeURIComponent(roomId)}/send/m.room.encrypted/lost${Date.now()}${index}`;
    lost.push(String((await jean.call("PUT", path, {
      algorithm: "m.megolm.v1.aes-sha2", sender_key: "A".repeat(43), device_id: "GONE", session_id: "B".repeat(43), ciphertext,
    }))["event_id"]));
  }
  await jean.send(roomId, "Après les messages perdus");

  const camille = await person("Camille Durand", { username, screen: PHONE });
  const { page } = camille;
  await camille.signIn();
  await camille.setUpEncryption();
  await camille.open(/Archives/);
  const line = page.getByRole("button", { name: "12 messages illisibles, antérieurs à cet appareil" });
  await expect(line).toBeVisible();
  await expect(camille.message("Avant les messages perdus")).toBeVisible();
  await expect(camille.message("Après les messages perdus")).toBeVisible();
  await expect(page.locator("article[data-item]")).toHaveCount(2);
  await page.screenshot({ path: "test-results/screens/unreadable-390.png" });
  await line.click();
  await expect(line).toHaveAttribute("aria-expanded", "true");
  await expect(page.getByText("Votre sauvegarde ne permet pas de le lire").first()).toBeVisible();
  await expect(page.getByText("Message antérieur à cet appareil").first()).toBeVisible();
  await page.screenshot({ path: "test-results/screens/unreadable-open-390.png" });
  await clean(page, "unreadable, open");
  await line.click();
  await expect(page.locator("article[data-item]")).toHaveCount(2);

  // A link to one of them shows that one.
  await page.goto(`/#/salon/${encodeURIComponent(roomId)}/${encodeURIComponent(lost[5] ?? "")}`);
  await expect(page.locator(`[data-event="${lost[5] ?? ""}"]`)).toBeInViewport();
});
