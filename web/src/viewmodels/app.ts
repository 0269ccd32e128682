// SPDX-License-Identifier: Apache-2.0
/** The life of the application: nobody, opening, open, held by another tab, ended by the server. */
import type { Core } from "../core/port/core.ts";
import type { AccountRef, AuthPort } from "../core/port/session.ts";
import { ViewModel } from "./base.ts";

export type AppSnapshot =
  | { readonly phase: "signIn" | "otherTab" | "signedOut" }
  | { readonly phase: "opening" | "expired" | "failed"; readonly account: AccountRef }
  | { readonly phase: "open"; readonly core: Core };

/** One tab per account; the application gives the real lock. */
export interface Lock {
  acquire(lost: () => void): Promise<boolean>;
  take(lost: () => void): Promise<boolean>;
  release(): void;
}

export interface AppServices {
  readonly auth: AuthPort;
  readonly openCore: (account: AccountRef) => Promise<Core>;
  readonly lockFor: (account: AccountRef) => Lock;
  /** Loads the page again. */
  readonly restart: () => void;
  /** Removes what the views remembered for an account. */
  readonly forget: (account: AccountRef) => void;
}

export class AppViewModel extends ViewModel<AppSnapshot & object> {
  readonly #services: AppServices;
  #core: Core | null = null;
  #lock: Lock | null = null;
  /** The clearing up after a session that the server ended. */
  #ending: Promise<void> = Promise.resolve();

  constructor(services: AppServices) {
    const account = services.auth.active();
    super(account ? { phase: "opening", account } : { phase: "signIn" });
    this.#services = services;
  }

  /** `returning`: the browser comes back from the server's sign-in pages, for whatever account. */
  start = async (returning = false): Promise<void> => {
    // What is being removed is no account to open, and its lock is still held.
    await this.#ending.catch(() => undefined);
    const account = returning ? null : this.#services.auth.active();
    if (!account) return this.cell.set({ phase: "signIn" });
    await this.open(account);
  };

  open = async (account: AccountRef, takeOver = false): Promise<void> => {
    this.cell.set({ phase: "opening", account });
    const lock = this.#services.lockFor(account);
    this.#lock = lock;
    const held = await (takeOver ? lock.take(this.#lost) : lock.acquire(this.#lost));
    if (!held) return this.cell.set({ phase: "otherTab" });
    try {
      this.#core = await this.#services.openCore(account);
    } catch {
      lock.release();
      return this.cell.set({ phase: "failed", account });
    }
    const core = this.#core;
    core.connection.subscribe(() => {
      const connection = core.connection.get();
      if (connection === "signedOut") this.#ending = this.#ended();
      if (connection === "expired") this.#expired();
    });
    this.cell.set({ phase: "open", core });
  };

  takeOver = (): Promise<void> => {
    const account = this.#services.auth.active();
    return account ? this.open(account, true) : this.start();
  };

  readonly #lost = (): void => {
    this.#core?.stop();
    this.#core = null;
    this.cell.set({ phase: "otherTab" });
  };

  /** The same device signs in again and finds everything as it was. */
  #expired(): void {
    const core = this.#core;
    if (!core) return;
    this.#close();
    this.cell.set({ phase: "expired", account: core.account });
  }

  async #ended(): Promise<void> {
    const core = this.#core;
    if (!core) return;
    this.#core = null;
    this.cell.set({ phase: "signedOut" });
    await core.signOut();
    this.#services.forget(core.account);
    this.#lock?.release();
  }

  signOut = async (): Promise<void> => {
    const core = this.#core;
    if (!core) return;
    this.#core = null;
    this.cell.set({ phase: "opening", account: core.account });
    await core.signOut();
    this.#services.forget(core.account);
    this.#lock?.release();
    // A page that starts anew holds no key of the account in memory, and no database open.
    this.#services.restart();
  };

  /** Leaves the present account signed in and shows the sign-in screen for another. */
  addAccount = (): void => {
    this.#close();
    this.cell.set({ phase: "signIn" });
  };

  switchTo = async (key: string): Promise<void> => {
    this.#close();
    this.#services.auth.activate(key);
    await this.start();
  };

  /** Removes an account that cannot be opened, or whose session has expired, from this browser. */
  remove = async (account: AccountRef): Promise<void> => {
    this.cell.set({ phase: "opening", account });
    await this.#services.auth.forget(account);
    this.#services.forget(account);
    this.#services.restart();
  };

  #close(): void {
    this.#core?.stop();
    this.#core = null;
    this.#lock?.release();
  }
}
