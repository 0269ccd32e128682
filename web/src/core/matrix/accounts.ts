// SPDX-License-Identifier: Apache-2.0
/** The accounts of this browser: who they are and the tokens that open them. */
import type { AccountRef } from "../port/session.ts";

/** What is needed to open a session again. Never leaves `core/matrix`. */
export interface StoredAccount extends AccountRef {
  readonly accessToken: string;
  readonly refreshToken?: string;
  /** OAuth client registered for this browser; absent for password sessions. */
  readonly oauthClientId?: string;
}

interface Stored {
  readonly active: string | null;
  readonly accounts: readonly StoredAccount[];
}

const KEY = "estafette.accounts";

function read(): Stored {
  try {
    const parsed = JSON.parse(localStorage.getItem(KEY) ?? "null") as Stored | null;
    if (parsed && Array.isArray(parsed.accounts)) return parsed;
  } catch {
    // Unreadable storage is the same as none: the person signs in again.
  }
  return { active: null, accounts: [] };
}

function write(stored: Stored): void {
  localStorage.setItem(KEY, JSON.stringify(stored));
}

export function listAccounts(): readonly StoredAccount[] {
  return read().accounts;
}

export function storedAccount(key: string): StoredAccount | null {
  return read().accounts.find((one) => one.key === key) ?? null;
}

export function activeAccount(): StoredAccount | null {
  const { active, accounts } = read();
  return accounts.find((one) => one.key === active) ?? null;
}

/** Adds or replaces an account and makes it the active one. */
export function putAccount(account: StoredAccount): void {
  const others = read().accounts.filter((one) => one.key !== account.key);
  write({ active: account.key, accounts: [...others, account] });
}

function change(key: string, fields: Partial<StoredAccount>): void {
  const { active, accounts } = read();
  write({ active, accounts: accounts.map((one) => (one.key === key ? { ...one, ...fields } : one)) });
}

/** What the person is called, to tell their accounts apart while they are not open. */
export function rememberName(key: string, name: string): void {
  const known = storedAccount(key);
  if (known && known.name !== name) change(key, { name });
}

export function updateTokens(key: string, accessToken: string, refreshToken?: string): void {
  change(key, { accessToken, ...(refreshToken ? { refreshToken } : {}) });
}

export function activateAccount(key: string): void {
  write({ ...read(), active: key });
}

export function removeAccount(key: string): void {
  const accounts = read().accounts.filter((one) => one.key !== key);
  write({ active: accounts[0]?.key ?? null, accounts });
}
