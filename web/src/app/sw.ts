// SPDX-License-Identifier: Apache-2.0
/**
 * The service worker: the application starts offline, and pictures of the server are fetched with
 * the session's token. It never opens the crypto store: the page does, and only one may. A push
 * tells it of a message; it shows the conversation's name, never a text it could not know.
 */
import type { PushNames } from "./web-push.ts";

interface WorkerEvents {
  addEventListener(type: "install" | "activate", listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  addEventListener(type: "notificationclick", listener: (event: NotificationEvent) => void): void;
  addEventListener(type: "push", listener: (event: PushEvent) => void): void;
  readonly registration: ServiceWorkerRegistration;
  skipWaiting(): Promise<void>;
  readonly clients: WorkerClients;
}
interface ExtendableEvent extends Event { waitUntil(work: Promise<unknown>): void }
interface FetchEvent extends ExtendableEvent { readonly request: Request; readonly clientId: string; respondWith(answer: Promise<Response> | Response): void }
interface PushEvent extends ExtendableEvent { readonly data: { text(): string } | null }
interface NotificationEvent extends ExtendableEvent { readonly notification: Notification }
interface WorkerClient { readonly url: string; postMessage(message: unknown, transfer?: Transferable[]): void; focus?(): Promise<unknown> }
interface WorkerClients { claim(): Promise<void>; get(id: string): Promise<WorkerClient | undefined>; matchAll(options: object): Promise<readonly WorkerClient[]>; openWindow(url: string): Promise<unknown> }

const worker = self as unknown as WorkerEvents;
const VERSION: string = "__VERSION__";
const FILES: string = "__FILES__";
const CACHE = `estafette-${VERSION}`;
const MEDIA = "/_matrix/client/v1/media/";
/** How long a page has to answer, in milliseconds. Its token may take it long: without, there is no picture. */
const TOKEN_WAIT_MS = 30_000;
const PUSH_WAIT_MS = 5_000;
const NAMES_CACHE = "names";

worker.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES.split("\n"))));
});

worker.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const others = (await caches.keys()).filter((name) => name.startsWith("estafette-") && name !== CACHE);
    // A tab that still runs the version before finds its parts here until it is loaded again.
    for (const name of others.slice(0, -1)) await caches.delete(name);
    await worker.clients.claim();
  })());
});

worker.addEventListener("message", (event) => {
  if ((event.data as { type?: string } | null)?.type === "activate") void worker.skipWaiting();
});

worker.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin || event.request.method !== "GET") return;
  if (url.pathname.startsWith(MEDIA) && !event.request.headers.has("Authorization")) {
    event.respondWith(fetchMedia(event));
  } else if (event.request.mode === "navigate") {
    if (url.pathname === "/") event.respondWith(shell(event.request));
  } else if (url.pathname.startsWith("/assets/") || FILES.split("\n").includes(url.pathname)) {
    event.respondWith(cached(event.request));
  }
});

async function shell(request: Request): Promise<Response> {
  return (await (await caches.open(CACHE)).match("/")) ?? fetch(request);
}

async function cached(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const known = await cache.match(request, { ignoreSearch: true }) ?? await caches.match(request, { ignoreSearch: true });
  if (known) return known;
  const answer = await fetch(request);
  // Files loaded on demand join the cache: their names change with their content.
  if (answer.ok && new URL(request.url).pathname.startsWith("/assets/")) void cache.put(request, answer.clone());
  return answer;
}

async function fetchMedia(event: FetchEvent): Promise<Response> {
  const token = await tokenOf(event.clientId, null);
  if (token === null) return fetch(event.request);
  const answer = await fetchWith(event.request, token);
  if (answer.status !== 401) return answer;
  const renewed = await tokenOf(event.clientId, token);
  return renewed === null || renewed === token ? answer : fetchWith(event.request, renewed);
}

function fetchWith(request: Request, token: string): Promise<Response> {
  const headers = new Headers(request.headers);
  headers.set("Authorization", `Bearer ${token}`);
  return fetch(request.url, { headers, mode: "cors", credentials: "omit", signal: request.signal });
}

/** `refused`: the token that the server no longer takes. */
async function tokenOf(clientId: string, refused: string | null): Promise<string | null> {
  const page = await worker.clients.get(clientId);
  const token = page ? await ask(page, { type: "token", ...(refused === null ? {} : { refused }) }, TOKEN_WAIT_MS) : null;
  return typeof token === "string" ? token : null;
}

/** A page's answer, or null when it gives none in time. */
function ask(page: WorkerClient, question: { readonly type: string; readonly account?: string }, wait = PUSH_WAIT_MS): Promise<unknown> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const timer = setTimeout(() => resolve(null), wait);
    port1.onmessage = (answer: MessageEvent) => {
      clearTimeout(timer);
      resolve(answer.data);
    };
    page.postMessage(question, [port2]);
  });
}

interface PushMessage {
  readonly ack_token?: unknown;
  readonly event_id?: unknown;
  readonly room_id?: unknown;
}

worker.addEventListener("push", (event) => event.waitUntil(pushed(event.data?.text() ?? "")));

async function pushed(text: string): Promise<void> {
  let message: PushMessage = {};
  try {
    message = JSON.parse(text) as PushMessage;
  } catch {
    // Whatever it was, something came: say so.
  }
  const pages = await worker.clients.matchAll({ type: "window" });
  if (typeof message.ack_token === "string") {
    for (const page of pages) page.postMessage({ type: "pushToken", token: message.ack_token });
    return;
  }
  const answers = await Promise.all(pages.map((page) => ask(page, { type: "push" })));
  if (answers.includes(true)) return;
  const roomId = typeof message.room_id === "string" ? message.room_id : "";
  const accounts = await readNames();
  const names = accounts.find((one) => roomId in one.rooms) ?? accounts[0];
  const known = names !== undefined && roomId in names.rooms;
  await worker.registration.showNotification(names?.rooms[roomId] ?? names?.title ?? "Estafette", {
    body: known && accounts.length > 1 ? `${names.one}\n${names.told}` : names?.one ?? "",
    tag: roomId, icon: "/icon-192.png", badge: "/icon-192.png", data: { roomId, ...(known ? { account: names.account } : {}) },
  });
}

/** What the pages wrote down, one for each account. */
async function readNames(): Promise<readonly PushNames[]> {
  const cache = await caches.open(NAMES_CACHE);
  const found = await Promise.all((await cache.keys()).map(async (key) => await (await cache.match(key))?.json() as PushNames | undefined));
  return found.filter((one) => one !== undefined && typeof one.account === "string") as PushNames[];
}

worker.addEventListener("notificationclick", (event) => {
  const { roomId, account } = (event.notification.data ?? {}) as { roomId?: string; account?: string };
  event.notification.close();
  event.waitUntil((async () => {
    const pages = await worker.clients.matchAll({ type: "window" });
    const holding = account === undefined ? [] : await Promise.all(pages.map((page) => ask(page, { type: "holds", account })));
    const open = pages[Math.max(0, holding.indexOf(true))];
    if (open?.focus) {
      if (roomId) open.postMessage({ type: "open", roomId, account });
      await open.focus();
    } else {
      const of = account === undefined ? "" : `/compte/${encodeURIComponent(account)}`;
      await worker.clients.openWindow(roomId ? `/#${of}/salon/${encodeURIComponent(roomId)}` : "/");
    }
  })());
});
