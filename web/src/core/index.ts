// SPDX-License-Identifier: Apache-2.0
/** The doors of the core: sign in now, open a session later (the SDK loads on first use). */
import type { Core } from "./port/core.ts";
import type { AccountListener, AccountWatch } from "./port/accounts.ts";
import type { AccountRef, AuthPort } from "./port/session.ts";
import { Auth } from "./matrix/auth.ts";
import { scriptUrl, STORE_WORKER } from "./scripts.ts";

export function createAuth(): AuthPort {
  return new Auth();
}

export async function openCore(account: AccountRef): Promise<Core> {
  const { openSession } = await import("./matrix/session.ts");
  return openSession(account, () => new Worker(scriptUrl(STORE_WORKER), { type: "module" }));
}

/** Starts fetching what a session needs while the person is still typing. */
export function prefetchCore(): void {
  void import("./matrix/session.ts");
}

/** Counts what is new in an account that this page does not open; `isOpen` says whether another one does. */
export async function watchAccount(account: AccountRef, listener: AccountListener, isOpen: () => Promise<boolean>): Promise<AccountWatch> {
  const { Watch } = await import("./matrix/watch.ts");
  return new Watch(account, listener, isOpen);
}
