// SPDX-License-Identifier: Apache-2.0
/**
 * Removes everything of an account from this browser, whatever happens: the names of its databases
 * are written down first and crossed out once gone. A database that something in this page still
 * holds open is removed when the page loads again.
 */

const KEY = "estafette.leftovers";
/** How long a sign-out waits for databases to go, in milliseconds. */
const WAIT_MS = 1_500;

function read(): readonly string[] {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(parsed) ? parsed.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

function write(names: readonly string[]): void {
  if (names.length === 0) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, JSON.stringify(names));
}

function remove(name: string): Promise<void> {
  return new Promise((resolve) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => {
      write(read().filter((one) => one !== name));
      resolve();
    };
    request.onerror = () => resolve();
  });
}

/** Removes databases; comes back after a moment even when one of them cannot go yet. */
export async function removeDatabases(names: readonly string[]): Promise<void> {
  write([...new Set([...read(), ...names])]);
  const done = Promise.all(names.map(remove));
  await Promise.race([done, new Promise((resolve) => { setTimeout(resolve, WAIT_MS); })]);
}

/** At the start of a page: what earlier ones could not remove. */
export function removeLeftovers(): void {
  for (const name of read()) void remove(name);
}
