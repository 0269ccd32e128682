// SPDX-License-Identifier: Apache-2.0
/** Registers the service worker and offers its new versions instead of imposing them. */
import { Cell } from "../core/port/observable.ts";
import { scriptUrl, WORKER } from "../core/scripts.ts";
import { loses } from "./leaving.ts";

export const updateReady = new Cell(false);
let waiting: ServiceWorker | null = null;

/** How often a page that stays open asks for a new version, in milliseconds. */
const CHECK_MS = 60 * 60_000;

export function registerWorker(): void {
  if (!("serviceWorker" in navigator) || !import.meta.env.PROD) return;
  // Another tab took the new version: this one still runs the old one. The first worker of all is no news.
  if (navigator.serviceWorker.controller) navigator.serviceWorker.addEventListener("controllerchange", () => updateReady.set(true));
  void navigator.serviceWorker.register(scriptUrl(WORKER), { scope: "/", updateViaCache: "none" }).then((registration) => {
    const watch = (worker: ServiceWorker | null): void => {
      if (!worker) return;
      const check = (): void => {
        if (worker.state !== "installed" || !navigator.serviceWorker.controller) return;
        waiting = worker;
        updateReady.set(true);
      };
      worker.addEventListener("statechange", check);
      check();
    };
    watch(registration.waiting);
    registration.addEventListener("updatefound", () => watch(registration.installing));
    setInterval(() => void registration.update().catch(() => undefined), CHECK_MS);
  }, () => undefined);
}

/** Takes the new version. Drafts and what waits to be sent are on disk; where something is not, `ask` comes first. */
export function applyUpdate(ask: () => void): void {
  if (loses()) return ask();
  if (waiting?.state !== "installed") return window.location.reload();
  navigator.serviceWorker.addEventListener("controllerchange", () => window.location.reload(), { once: true });
  waiting.postMessage({ type: "activate" });
}
