// SPDX-License-Identifier: Apache-2.0
import type { KeyValue } from "../viewmodels/base.ts";
import type { PersistentStorage } from "../viewmodels/settings.ts";

/** Small memories in this browser, under one prefix; a full storage forgets quietly. */
export function localMemory(prefix: string): KeyValue {
  return {
    read: (key) => localStorage.getItem(`${prefix}.${key}`),
    write: (key, value) => {
      try {
        if (value === null) localStorage.removeItem(`${prefix}.${key}`);
        else localStorage.setItem(`${prefix}.${key}`, value);
      } catch {
        // Private browsing or no space: the draft lives as long as the page.
      }
    },
  };
}

/** Removes every memory under a prefix: nothing of an account outlives its sign-out. */
export function forgetMemory(prefix: string): void {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(`${prefix}.`)) localStorage.removeItem(key);
  }
}

export const browserStorage: PersistentStorage = {
  persisted: async () => (await navigator.storage?.persisted?.()) ?? false,
  persist: async () => (await navigator.storage?.persist?.()) ?? false,
};
