// SPDX-License-Identifier: Apache-2.0
/** Registers the service worker and offers its new versions instead of imposing them. */
import { Cell } from "../core/port/observable.ts";
import { scriptUrl, WORKER } from "../core/scripts.ts";

export const updateReady = new Cell(false);
let waiting: ServiceWorker | null = null;

export function registerWorker(): void {
  if (!("serviceWorker" in navigator) || !import.meta.env.PROD) return;
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
  }, () => undefined);
}

export function applyUpdate(): void {
  navigator.serviceWorker.addEventListener("controllerchange", () => window.location.reload(), { once: true });
  waiting?.postMessage({ type: "activate" });
}
