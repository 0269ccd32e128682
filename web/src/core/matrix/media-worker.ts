// SPDX-License-Identifier: Apache-2.0
/**
 * Gives the service worker the session's token when it fetches a picture for this page, and a new
 * one when the server refused the one it had.
 */
export function answerMediaRequests(token: (refused: string | null) => Promise<string | null>): () => void {
  const workers = navigator.serviceWorker;
  if (!workers) return () => undefined;
  const onMessage = (event: MessageEvent): void => {
    const question = event.data as { type?: string; refused?: string } | null;
    // Only the worker that controls this page, which is our own script, may ask.
    if (question?.type !== "token" || event.source !== workers.controller) return;
    void token(question.refused ?? null).then((answer) => event.ports[0]?.postMessage(answer));
  };
  workers.addEventListener("message", onMessage);
  workers.startMessages();
  return () => workers.removeEventListener("message", onMessage);
}

/** True when `<img src>` of the server's media will carry the token. */
export const workerServesMedia = (): boolean => Boolean(navigator.serviceWorker?.controller);
