// SPDX-License-Identifier: Apache-2.0
/** The browser's side of Web Push, and what the service worker may know to tell about a message. */
import type { PushSubscriptionKeys } from "../core/port/push.ts";
import type { RoomSummary } from "../core/port/rooms.ts";
import type { AccountRef } from "../core/port/session.ts";
import { messages } from "../i18n/index.ts";
import type { BrowserPush } from "../viewmodels/background.ts";

/** Where the service worker looks for names, one entry for each account. Not one of its own versioned caches. */
export const NAMES_CACHE = "names";
const namesPath = (account: AccountRef): string => `/names/${encodeURIComponent(account.key)}.json`;

export interface PushNames {
  readonly title: string;
  readonly one: string;
  /** The account, and how a notification names it where there are several. */
  readonly account: string;
  readonly told: string;
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
export async function keepNames(account: AccountRef, name: string, rooms: readonly RoomSummary[]): Promise<void> {
  if (!("caches" in window)) return;
  const words = messages();
  const names: PushNames = {
    title: words.app.name, one: words.timeline.newCount(1), account: account.key, told: words.accounts.told(name),
    rooms: Object.fromEntries(rooms.map((room) => [room.id, room.name])),
  };
  const cache = await caches.open(NAMES_CACHE);
  await cache.put(namesPath(account), new Response(JSON.stringify(names), { headers: { "Content-Type": "application/json" } }));
}

export async function forgetNames(account: AccountRef): Promise<void> {
  if ("caches" in window) await (await caches.open(NAMES_CACHE)).delete(namesPath(account));
}

/** Takes away notifications of the account's conversations that have nothing new any more. */
export async function closeRead(account: AccountRef, rooms: readonly RoomSummary[]): Promise<void> {
  const read = new Set(rooms.filter((room) => room.unread === 0 && room.mentions === 0 && room.membership === "join").map((room) => room.id));
  await close((of, roomId) => (of === null || of === account.key) && read.has(roomId));
}

/** Takes away what tells of one conversation of an account. */
export const closeOne = (account: AccountRef, roomId: string): Promise<void> => close((of, shown) => of === account.key && shown === roomId);

async function close(over: (account: string | null, roomId: string) => boolean): Promise<void> {
  for (const notification of (await (await registration())?.getNotifications()) ?? []) {
    const { account = null, roomId = notification.tag } = (notification.data ?? {}) as { account?: string; roomId?: string };
    if (over(account, roomId)) notification.close();
  }
}

interface FromWorker { readonly type?: string; readonly token?: string; readonly roomId?: string; readonly account?: string }

/** Hears the service worker: a token for the server, a push it asks about, a notification clicked. */
export function hearWorker(heard: {
  readonly token: (token: string) => void;
  /** Whether this page tells of the message itself. */
  readonly telling: () => boolean;
  /** Whether this page has that account open. */
  readonly holds: (account: string) => boolean;
  readonly open: (roomId: string, account: string | null) => void;
}): () => void {
  const workers = navigator.serviceWorker;
  if (!workers) return () => undefined;
  const onMessage = (event: MessageEvent): void => {
    const message = event.data as FromWorker | null;
    if (!message || event.source !== workers.controller) return;
    if (message.type === "pushToken" && message.token) heard.token(message.token);
    if (message.type === "push") event.ports[0]?.postMessage(heard.telling());
    if (message.type === "holds") event.ports[0]?.postMessage(heard.holds(message.account ?? ""));
    if (message.type === "open" && message.roomId) heard.open(message.roomId, message.account ?? null);
  };
  workers.addEventListener("message", onMessage);
  workers.startMessages();
  return () => workers.removeEventListener("message", onMessage);
}
