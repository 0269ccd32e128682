// SPDX-License-Identifier: Apache-2.0
/**
 * Messages are told of with the page closed. The vendor's push service is played here: it takes
 * what the server sends, reads it as the browser would, and hands it to the real service worker.
 */
import { createDecipheriv, createECDH, createPublicKey, type ECDH, hkdfSync, randomBytes, verify } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { CDPSession, Page } from "@playwright/test";
import { baseURL } from "../../playwright.config.ts";
import { expect, type Person, test } from "../support/person.ts";
import { Api, freshName } from "../support/matrix.ts";

interface Pushed { readonly headers: IncomingHttpHeaders; readonly text: string }

class PushService {
  readonly keys: ECDH = createECDH("prime256v1");
  readonly auth = randomBytes(16);
  readonly received: Pushed[] = [];
  readonly #server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      this.received.push({ headers: request.headers, text: this.#read(Buffer.concat(parts)) });
      response.writeHead(201).end();
    });
  });

  async start(): Promise<string> {
    this.keys.generateKeys();
    await new Promise<void>((resolve) => { this.#server.listen(0, "127.0.0.1", resolve); });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/push/1`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** RFC 8291 and RFC 8188, as a browser does. */
  #read(body: Buffer): string {
    const [salt, sender, sealed] = [body.subarray(0, 16), body.subarray(21, 21 + (body[20] ?? 0)), body.subarray(21 + (body[20] ?? 0))];
    const derive = (secret: Buffer, from: Buffer, info: Buffer, size: number): Buffer => Buffer.from(hkdfSync("sha256", secret, from, info, size));
    const secret = derive(this.keys.computeSecret(sender), this.auth, Buffer.concat([Buffer.from("WebPush: info\0"), this.keys.getPublicKey(), sender]), 32);
    const cipher = createDecipheriv("aes-128-gcm", derive(secret, salt, Buffer.from("Content-Encoding: aes128gcm\0"), 16), derive(secret, salt, Buffer.from("Content-Encoding: nonce\0"), 12));
    cipher.setAuthTag(sealed.subarray(-16));
    const plain = Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
    return plain.subarray(0, plain.lastIndexOf(2)).toString();
  }

  async next(index: number): Promise<Pushed> {
    await expect.poll(() => this.received.length).toBeGreaterThan(index);
    return this.received[index] as Pushed;
  }
}

/** Headless Chromium has no vendor to subscribe with: the subscription is made here. */
async function playVendor(person: Person, endpoint: string, service: PushService): Promise<void> {
  await person.page.addInitScript(({ endpoint, p256dh, auth }) => {
    const bytes = (text: string): ArrayBuffer => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer;
    const subscription = (key: BufferSource) => ({
      endpoint, options: { applicationServerKey: key }, getKey: (name: string) => bytes(name === "auth" ? auth : p256dh), unsubscribe: async () => true,
    });
    let made: unknown = null;
    PushManager.prototype.subscribe = async function subscribe(options?: PushSubscriptionOptionsInit) {
      const key = ((options as PushSubscriptionOptionsInit).applicationServerKey as Uint8Array<ArrayBuffer>).buffer;
      made = subscription(key);
      return made as PushSubscription;
    };
    PushManager.prototype.getSubscription = async () => made as PushSubscription | null;
  }, { endpoint, p256dh: service.keys.getPublicKey().toString("base64"), auth: service.auth.toString("base64") });
}

async function workerOf(person: Person): Promise<{ session: CDPSession; deliver: (text: string) => Promise<void> }> {
  const session = await person.context.newCDPSession(person.page);
  const registered = new Promise<string>((resolve) => {
    session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => { if (registrations[0]) resolve(registrations[0].registrationId); });
  });
  await session.send("ServiceWorker.enable");
  const registrationId = await registered;
  return { session, deliver: (data) => session.send("ServiceWorker.deliverPushMessage", { origin: new URL(baseURL).origin, registrationId, data }).then(() => undefined) };
}

const shown = (page: Page) => page.evaluate(async () => {
  const registration = await navigator.serviceWorker.ready;
  return (await registration.getNotifications()).map(({ title, body }) => ({ title, body }));
});

const namesKept = (page: Page) => page.evaluate(async () => {
  const cache = await caches.open("names");
  return (await Promise.all((await cache.keys()).map(async (key) => (await cache.match(key))?.text()))).join();
});

test("a message is told of with no page in sight, without its text", async ({ person }) => {
  const service = new PushService();
  const endpoint = await service.start();
  try {
    const camille = await person("Camille Durand");
    await camille.context.grantPermissions(["notifications"], { origin: baseURL });
    await playVendor(camille, endpoint, service);
    await camille.signUp();
    const me = await Api.login(camille.username);
    const { capabilities } = await me.call("GET", "v3/capabilities") as { capabilities: Record<string, { vapid?: string } | undefined> };
    const offered = capabilities["org.matrix.msc4174.webpush"];
    test.skip(!offered, "this server does not push to browsers");

    const { page } = camille;
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    const { session, deliver } = await workerOf(camille);
    await page.getByRole("button", { name: "Réglages" }).click();
    // The browser is asked first: the box follows its answer.
    await page.getByLabel("M’avertir sur cet appareil").click();
    await expect(page.getByLabel("M’avertir sur cet appareil")).toBeChecked();
    await page.getByLabel("Même quand Estafette est fermée").click();
    const challenge = await service.next(0);
    expect(JSON.parse(challenge.text)).toMatchObject({ app_id: "fr.estafette.web" });
    await deliver(challenge.text);
    await expect(page.getByText("Actif : le nom de la conversation s’affiche")).toBeVisible();
    await page.screenshot({ path: "test-results/screens/push-1280.png" });
    await page.keyboard.press("Escape");

    const jean = await Api.register(freshName("jean"), "Jean Martin");
    const roomId = await jean.createRoom({ name: "Astreinte", preset: "private_chat", invite: [me.userId] });
    await me.join(roomId);
    await expect(page.getByRole("link", { name: /Astreinte/ })).toBeVisible();
    // The names reach the worker's cache a moment after the list shows them.
    await expect.poll(() => namesKept(page)).toContain("Astreinte");
    const before = service.received.length;
    await jean.send(roomId, "Le mot secret est azur");
    const told = await service.next(before);
    expect(told.text).not.toContain("azur");
    expect(JSON.parse(told.text)).toMatchObject({ room_id: roomId, counts: { unread: 1 } });
    expect(told.headers["content-encoding"]).toBe("aes128gcm");
    checkSignature(String(told.headers["authorization"]), offered?.vapid ?? "", new URL(endpoint).origin);

    // The page is open and shows the message itself: the worker adds nothing, at once or later.
    await expect(page.getByRole("link", { name: /Astreinte.*azur/ })).toBeVisible();
    await page.evaluate(() => {
      navigator.serviceWorker.addEventListener("message", ({ data }) => { if ((data as { type?: string }).type === "push") document.documentElement.dataset["asked"] = "yes"; });
    });
    await deliver(told.text);
    await expect(page.locator("html[data-asked=yes]")).toBeAttached();
    await page.goto("about:blank");
    const other = await camille.context.newPage();
    await other.goto(`${baseURL}/icon.svg`);
    expect(await shown(other)).toEqual([]);

    // The page sleeps: nothing answers the worker any more.
    await deliver(told.text);
    await expect.poll(() => shown(other)).toEqual([{ title: "Astreinte", body: "1 nouveau message" }]);
    await page.goto(`${baseURL}/manifest.webmanifest`);
    await page.goto(baseURL);
    await expect.poll(() => shown(page)).toEqual([{ title: "Astreinte", body: "1 nouveau message" }]);
    // Reading the conversation takes the notification away.
    await camille.open(/Astreinte/);
    await expect(camille.message("Le mot secret est azur")).toBeVisible();
    await expect.poll(() => shown(page)).toEqual([]);
    await session.detach().catch(() => undefined);
  } finally {
    service.stop();
  }
});

/** RFC 8292: the note is signed with the key the browser subscribed with, and names the service. */
function checkSignature(header: string, vapid: string, origin: string): void {
  const [, token = "", key = ""] = /^vapid t=(\S+), k=(\S+)$/.exec(header) ?? [];
  expect(key).toBe(vapid);
  const [head = "", claims = "", signature = ""] = token.split(".");
  const raw = Buffer.from(key, "base64url");
  const jwk = { kty: "EC", crv: "P-256", x: raw.subarray(1, 33).toString("base64url"), y: raw.subarray(33).toString("base64url") };
  const signed = verify("sha256", Buffer.from(`${head}.${claims}`), { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "base64url"));
  expect(signed).toBe(true);
  expect(JSON.parse(Buffer.from(claims, "base64url").toString())).toMatchObject({ aud: origin });
}
