// SPDX-License-Identifier: Apache-2.0
/**
 * One tab at a time opens an account: two crypto stores over the same database corrupt each other.
 * Web Locks choose the tab; another one may ask for it.
 */
import type { AccountRef } from "../core/port/session.ts";

export interface TabLock {
  /** Calls `lost` when another tab takes over. Resolves to false when the lock is held elsewhere. */
  acquire(lost: () => void): Promise<boolean>;
  /** Asks the present holder to give way, then acquires. */
  take(lost: () => void): Promise<boolean>;
  release(): void;
}

/** How long the page before this one may take to let go of the lock, in milliseconds: one that is loaded again goes a moment later. */
const LEAVING_MS = 3_000;

/** The lock of whoever has an account open. */
export const lockName = (account: AccountRef): string => `estafette.${account.key}`;

export function tabLock(name: string): TabLock {
  let release: (() => void) | null = null;
  const channel = new BroadcastChannel(`${name}.take`);

  const request = (options: LockOptions, lost: () => void): Promise<boolean> =>
    new Promise((resolve) => {
      const held = navigator.locks.request(name, options, (lock) => {
        if (!lock) { resolve(false); return undefined; }
        resolve(true);
        return new Promise<void>((done) => { release = done; });
      });
      held.catch(() => resolve(false));
      channel.onmessage = () => {
        if (!release) return;
        lost();
        release();
        release = null;
      };
    });

  return {
    acquire: (lost) => request({ signal: AbortSignal.timeout(LEAVING_MS) }, lost),
    take: (lost) => {
      channel.postMessage("take");
      return request({}, lost);
    },
    release: () => { release?.(); release = null; },
  };
}

/** Whether some tab, this one included, has the account open. */
export async function isOpen(account: AccountRef): Promise<boolean> {
  const { held } = await navigator.locks.query();
  return (held ?? []).some((one) => one.name === lockName(account));
}
