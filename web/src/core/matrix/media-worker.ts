// SPDX-License-Identifier: Apache-2.0
/** Gives the service worker the session's token when it fetches a picture for this page. */
export function answerMediaRequests(token: () => string | null): () => void {
  const workers = navigator.serviceWorker;
  if (!workers) return () => undefined;
  const onMessage = (event: MessageEvent): void => {
    const asked = (event.data as { type?: string } | null)?.type === "token";
    // Only the worker that controls this page, which is our own script, may ask.
    if (asked && event.source === workers.controller) event.ports[0]?.postMessage(token());
  };
  workers.addEventListener("message", onMessage);
  workers.startMessages();
  return () => workers.removeEventListener("message", onMessage);
}

/** True when `<img src>` of the server's media will carry the token. */
export const workerServesMedia = (): boolean => Boolean(navigator.serviceWorker?.controller);
