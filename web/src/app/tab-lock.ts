// SPDX-License-Identifier: Apache-2.0
/**
 * One tab at a time opens an account: two crypto stores over the same database corrupt each other.
 * Web Locks choose the tab; another one may ask for it.
 */
export interface TabLock {
  /** Calls `lost` when another tab takes over. Resolves to false when the lock is held elsewhere. */
  acquire(lost: () => void): Promise<boolean>;
  /** Asks the present holder to give way, then acquires. */
  take(lost: () => void): Promise<boolean>;
  release(): void;
}

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
    acquire: (lost) => request({ ifAvailable: true }, lost),
    take: (lost) => {
      channel.postMessage("take");
      return request({}, lost);
    },
    release: () => { release?.(); release = null; },
  };
}
