// SPDX-License-Identifier: Apache-2.0
/** How many keys of messages this device alone has. The SDK keeps the count to itself. */
import type { CryptoApi } from "matrix-js-sdk/lib/crypto-api";

interface Counts { readonly total: number; readonly backedUp: number }
interface Counting { readonly olmMachine?: { roomKeyCounts?(): Promise<Counts> } }

/** Null where the SDK does not tell. */
export async function unsavedKeys(crypto: CryptoApi): Promise<number | null> {
  try {
    const counts = await (crypto as unknown as Counting).olmMachine?.roomKeyCounts?.();
    return counts ? Math.max(0, counts.total - counts.backedUp) : null;
  } catch {
    return null;
  }
}
