// SPDX-License-Identifier: Apache-2.0
/** What the databases of an account are called; known without the SDK, so that all can be removed. */

export const databases = (key: string): { readonly sync: string; readonly crypto: string; readonly outbox: string } => ({
  sync: `estafette-sync-${key}`, crypto: `estafette-crypto-${key}`, outbox: `estafette-outbox-${key}`,
});

/** Every database of an account, as the SDK and we name them. */
export function databaseNames(key: string): readonly string[] {
  const { sync, crypto, outbox } = databases(key);
  return [`matrix-js-sdk:${sync}`, `${crypto}::matrix-sdk-crypto`, `${crypto}::matrix-sdk-crypto-meta`, outbox];
}

/** The SDK remembers its filter outside its databases. */
export function removeFilters(userId: string): void {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith("mxjssdk_") && key.endsWith(userId)) localStorage.removeItem(key);
  }
}
