// SPDX-License-Identifier: Apache-2.0
/**
 * The service worker: the application starts offline, and pictures of the server are fetched with
 * the session's token. It never opens the crypto store: the page does, and only one may.
 */
interface WorkerEvents {
  addEventListener(type: "install" | "activate", listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  addEventListener(type: "notificationclick", listener: (event: NotificationEvent) => void): void;
  skipWaiting(): Promise<void>;
  readonly clients: WorkerClients;
}
interface ExtendableEvent extends Event { waitUntil(work: Promise<unknown>): void }
interface FetchEvent extends ExtendableEvent { readonly request: Request; readonly clientId: string; respondWith(answer: Promise<Response> | Response): void }
interface NotificationEvent extends ExtendableEvent { readonly notification: Notification }
interface WorkerClient { readonly url: string; postMessage(message: unknown, transfer: Transferable[]): void; focus?(): Promise<unknown> }
interface WorkerClients { claim(): Promise<void>; get(id: string): Promise<WorkerClient | undefined>; matchAll(options: object): Promise<readonly WorkerClient[]>; openWindow(url: string): Promise<unknown> }

const worker = self as unknown as WorkerEvents;
const VERSION: string = "__VERSION__";
const FILES: string = "__FILES__";
const CACHE = `estafette-${VERSION}`;
const MEDIA = "/_matrix/client/v1/media/";
/** How long the page has to answer with its token, in milliseconds. */
const TOKEN_WAIT_MS = 2_000;

worker.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES.split("\n"))));
});

worker.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("estafette-") && name !== CACHE) await caches.delete(name);
    }
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
  const known = await cache.match(request, { ignoreSearch: true });
  if (known) return known;
  const answer = await fetch(request);
  // Files loaded on demand join the cache: their names change with their content.
  if (answer.ok && new URL(request.url).pathname.startsWith("/assets/")) void cache.put(request, answer.clone());
  return answer;
}

async function fetchMedia(event: FetchEvent): Promise<Response> {
  const token = await tokenOf(event.clientId);
  if (token === null) return fetch(event.request);
  const headers = new Headers(event.request.headers);
  headers.set("Authorization", `Bearer ${token}`);
  return fetch(event.request.url, { headers, mode: "cors", credentials: "omit", signal: event.request.signal });
}

async function tokenOf(clientId: string): Promise<string | null> {
  const page = await worker.clients.get(clientId);
  if (!page) return null;
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const timer = setTimeout(() => resolve(null), TOKEN_WAIT_MS);
    port1.onmessage = (answer: MessageEvent) => {
      clearTimeout(timer);
      resolve(typeof answer.data === "string" ? answer.data : null);
    };
    page.postMessage({ type: "token" }, [port2]);
  });
}

worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const [open] = await worker.clients.matchAll({ type: "window" });
    await (open?.focus ? open.focus() : worker.clients.openWindow("/"));
  })());
});
