// SPDX-License-Identifier: Apache-2.0
/** The browser's side of Web Push, and what the service worker may know to tell about a message. */
import type { PushSubscriptionKeys } from "../core/port/push.ts";
import type { RoomSummary } from "../core/port/rooms.ts";
import { messages } from "../i18n/index.ts";
import type { BrowserPush } from "../viewmodels/background.ts";

/** Where the service worker looks for names. Not one of its own versioned caches. */
export const NAMES_CACHE = "names";
export const NAMES_PATH = "/names.json";

export interface PushNames {
  readonly title: string;
  readonly one: string;
  readonly rooms: Readonly<Record<string, string>>;
}

const base64url = (bytes: ArrayBuffer | null): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes ?? new ArrayBuffer(0)))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

function keysOf(subscription: PushSubscription): PushSubscriptionKeys {
  return { endpoint: subscription.endpoint, p256dh: base64url(subscription.getKey("p256dh")), auth: base64url(subscription.getKey("auth")) };
}

const registration = async (): Promise<ServiceWorkerRegistration | null> => (await navigator.serviceWorker?.getRegistration()) ?? null;

export const browserPush: BrowserPush = {
  available: () => "serviceWorker" in navigator && "PushManager" in window && typeof Notification !== "undefined",
  async subscribe(serverKey) {
    const { pushManager } = await navigator.serviceWorker.ready;
    const options = { userVisibleOnly: true, applicationServerKey: bytesOf(serverKey) };
    const known = await pushManager.getSubscription();
    const bound = known?.options.applicationServerKey ?? null;
    if (known && bound && base64url(bound) !== serverKey) await known.unsubscribe();
    return keysOf(await pushManager.subscribe(options));
  },
  async current() {
    const known = await (await registration())?.pushManager.getSubscription();
    return known ? keysOf(known) : null;
  },
  async unsubscribe() {
    await (await (await registration())?.pushManager.getSubscription())?.unsubscribe();
  },
};

/** Room names for notifications with the page closed: names alone, no message. */
export async function keepNames(rooms: readonly RoomSummary[]): Promise<void> {
  if (!("caches" in window)) return;
  const words = messages();
  const names: PushNames = {
    title: words.app.name, one: words.timeline.newCount(1),
    rooms: Object.fromEntries(rooms.map((room) => [room.id, room.name])),
  };
  const cache = await caches.open(NAMES_CACHE);
  await cache.put(NAMES_PATH, new Response(JSON.stringify(names), { headers: { "Content-Type": "application/json" } }));
}

export async function forgetNames(): Promise<void> {
  if ("caches" in window) await caches.delete(NAMES_CACHE);
}

/** Takes away notifications of conversations that have nothing new any more. */
export async function closeRead(rooms: readonly RoomSummary[]): Promise<void> {
  const shown = (await (await registration())?.getNotifications()) ?? [];
  const read = new Set(rooms.filter((room) => room.unread === 0 && room.mentions === 0 && room.membership === "join").map((room) => room.id));
  for (const notification of shown) if (read.has(notification.tag)) notification.close();
}

interface FromWorker { readonly type?: string; readonly token?: string; readonly roomId?: string }

/** Hears the service worker: a token for the server, a push it asks about, a notification clicked. */
export function hearWorker(heard: {
  readonly token: (token: string) => void;
  /** Whether this page tells of the message itself. */
  readonly telling: () => boolean;
  readonly open: (roomId: string) => void;
}): () => void {
  const workers = navigator.serviceWorker;
  if (!workers) return () => undefined;
  const onMessage = (event: MessageEvent): void => {
    const message = event.data as FromWorker | null;
    if (!message || event.source !== workers.controller) return;
    if (message.type === "pushToken" && message.token) heard.token(message.token);
    if (message.type === "push") event.ports[0]?.postMessage(heard.telling());
    if (message.type === "open" && message.roomId) heard.open(message.roomId);
  };
  workers.addEventListener("message", onMessage);
  workers.startMessages();
  return () => workers.removeEventListener("message", onMessage);
}
