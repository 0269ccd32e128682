// SPDX-License-Identifier: Apache-2.0
/** The accounts signed in here besides the open one, and what is new in each. */
import type { AccountListener, AccountNews, AccountWatch } from "../core/port/accounts.ts";
import type { AccountRef, AuthPort } from "../core/port/session.ts";
import { ViewModel } from "./base.ts";

export interface OtherAccount extends AccountNews {
  readonly account: AccountRef;
  /** What the person is called, or the identifier where that is not known. */
  readonly name: string;
}

export interface OtherAccountsSnapshot {
  readonly accounts: readonly OtherAccount[];
  /** Conversations with something new, all these accounts together. */
  readonly unread: number;
  readonly mentioned: boolean;
}

export interface OtherAccountsServices {
  readonly auth: Pick<AuthPort, "accounts">;
  readonly watch: (account: AccountRef, listener: AccountListener) => Promise<AccountWatch>;
  readonly listener: AccountListener;
}

/** What an account is called among all of this browser: the identifier is said where the name does not tell them apart. */
export function accountLabel(account: AccountRef, all: readonly AccountRef[]): string {
  const { name, userId } = account;
  if (name === undefined) return userId;
  return all.some((one) => one.key !== account.key && one.name === name) ? `${name} (${userId})` : name;
}

interface Watched {
  account: AccountRef;
  watch: AccountWatch | null;
  stopped: boolean;
}

const NOTHING: AccountNews = { phase: "starting", unread: 0, mentioned: false };

export class OtherAccountsViewModel extends ViewModel<OtherAccountsSnapshot> {
  readonly #open: string;
  readonly #services: OtherAccountsServices;
  readonly #watched = new Map<string, Watched>();

  /** `open`: the key of the account that is open. */
  constructor(open: string, services: OtherAccountsServices) {
    super({ accounts: [], unread: 0, mentioned: false });
    this.#open = open;
    this.#services = services;
    this.refresh();
  }

  /** Looks again who is signed in: another page may have added or removed an account. */
  refresh = (): void => {
    const present = new Map(this.#services.auth.accounts().filter((one) => one.key !== this.#open).map((one) => [one.key, one]));
    for (const [key, one] of this.#watched) if (!present.has(key)) this.#stop(key, one);
    for (const [key, account] of present) {
      const known = this.#watched.get(key);
      if (known) known.account = account;
      else this.#start(key, account);
    }
    this.#show();
  };

  /** Whether whatever comes for one of these accounts is told of by this page. */
  watching = (): boolean => this.get().accounts.every((one) => one.phase === "watching" || one.phase === "closed");

  #start(key: string, account: AccountRef): void {
    const one: Watched = { account, watch: null, stopped: false };
    this.#watched.set(key, one);
    void this.#services.watch(account, this.#services.listener).then((watch) => {
      if (one.stopped) return watch.stop();
      one.watch = watch;
      watch.news.subscribe(() => { if (!one.stopped) this.#show(); });
      this.#show();
    }, () => undefined);
  }

  #stop(key: string, one: Watched): void {
    this.#watched.delete(key);
    one.stopped = true;
    one.watch?.stop();
  }

  #show(): void {
    const all = this.#services.auth.accounts();
    const accounts = [...this.#watched.values()].map(({ account, watch }) => ({ account, name: accountLabel(account, all), ...(watch?.news.get() ?? NOTHING) }));
    this.merge({
      accounts,
      unread: accounts.reduce((sum, one) => sum + one.unread, 0),
      mentioned: accounts.some((one) => one.mentioned),
    });
  }

  override dispose(): void {
    for (const [key, one] of this.#watched) this.#stop(key, one);
    super.dispose();
  }
}
