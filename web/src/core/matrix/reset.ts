// SPDX-License-Identifier: Apache-2.0
/**
 * A new cryptographic identity for an account that has one. The person confirms before anything is
 * touched: who gives up loses nothing, and no answer of the server with the old identity can come
 * between making the new keys and publishing them (the cryptography would drop the new ones).
 */
import type { MatrixClient } from "matrix-js-sdk";
import type { CryptoApi } from "matrix-js-sdk/lib/crypto-api";
import type { Confirmation } from "../port/encryption.ts";
import { CoreError } from "../port/session.ts";
import { confirmed } from "./uia.ts";

/** Times the keys are made anew when an old identity came between after all. */
const MAX_TRIES = 3;

/** Answers what the person answered before, and asks again only when that was refused. */
class Remembered {
  readonly #ask: Confirmation;
  #password: string | null = null;

  constructor(ask: Confirmation) {
    this.#ask = ask;
  }

  /** Asks before the first request. `page`: where to confirm, for accounts that do it there. */
  async first(page: string | null): Promise<void> {
    const given = page === null ? (await this.password()) !== null : await this.#ask.page(page);
    if (!given) throw new CoreError("forbidden", "cancelled");
  }

  async password(): Promise<string | null> {
    this.#password = await this.#ask.password();
    return this.#password;
  }

  /** For one request and its repetitions. */
  forRequest(page: string | null): Confirmation {
    let answered = false;
    const once = (): boolean => {
      const now = !answered;
      answered = true;
      return now;
    };
    return {
      password: () => (once() && this.#password !== null ? Promise.resolve(this.#password) : this.password()),
      page: (url) => (once() && page !== null ? Promise.resolve(true) : this.#ask.page(url)),
    };
  }
}

export async function resetIdentity(client: MatrixClient, crypto: CryptoApi, confirmation: Confirmation, page: string | null): Promise<void> {
  const remembered = new Remembered(confirmation);
  await remembered.first(page);
  await crypto.resetEncryption(confirmed(client, remembered.forRequest(page)));
  for (let tries = 0; !(await holdsIdentity(crypto)); tries += 1) {
    if (tries >= MAX_TRIES) throw new CoreError("internal", "the new identity could not be kept");
    await crypto.bootstrapCrossSigning({ setupNewCrossSigning: true, authUploadDeviceSigningKeys: confirmed(client, remembered.forRequest(page)) });
  }
}

/** Whether this device has the private halves of the identity that the server shows. */
export async function holdsIdentity(crypto: CryptoApi): Promise<boolean> {
  const held = (await crypto.getCrossSigningStatus()).privateKeysCachedLocally;
  return held.masterKey && held.selfSigningKey && held.userSigningKey;
}
