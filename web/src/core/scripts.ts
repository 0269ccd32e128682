// SPDX-License-Identifier: Apache-2.0
/** The only script addresses this application ever hands to the browser as strings. */
// The bundler makes the default export: the address of the built worker.
// oxlint-disable-next-line import/default
import storeWorkerUrl from "./matrix/store-worker.ts?worker&url";

interface ScriptUrlPolicy { createScriptURL(url: string): unknown }
interface TrustedTypesApi { createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): ScriptUrlPolicy }

/** The service worker. */
export const WORKER = "/sw.js";
/** The worker that keeps the rooms on disk. */
export const STORE_WORKER: string = storeWorkerUrl;

let policy: ScriptUrlPolicy | undefined;

/** The address as the browser's Trusted Types want it; any other than ours is refused. */
export function scriptUrl(url: typeof WORKER | typeof STORE_WORKER): string {
  const api = (window as { trustedTypes?: TrustedTypesApi }).trustedTypes;
  policy ??= api?.createPolicy("estafette", {
    createScriptURL: (asked) => {
      if (asked !== WORKER && asked !== STORE_WORKER) throw new TypeError("unexpected script address");
      return asked;
    },
  });
  return (policy ? policy.createScriptURL(url) : url) as string;
}
