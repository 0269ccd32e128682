// SPDX-License-Identifier: Apache-2.0
/**
 * Messages that could not be read yet. Their key may reach the backup after this device asked for
 * it (the sender's device uploads with a delay), so they are tried again for a while.
 */
import { type MatrixClient, type MatrixEvent, MatrixEventEvent } from "matrix-js-sdk";
import { CryptoEvent } from "matrix-js-sdk/lib/crypto-api";

/** Waits between tries, in milliseconds: the SDK asks the backup at most every five seconds. */
const WAITS_MS = [6_000, 10_000, 20_000, 40_000, 120_000, 300_000];
/** Messages waited for at once; the newest are kept. */
const MAX_WAITING = 200;

type Retry = Parameters<MatrixEvent["attemptDecryption"]>[0];

export class Undecrypted {
  readonly #client: MatrixClient;
  readonly #waiting = new Map<string, MatrixEvent>();
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: MatrixClient) {
    this.#client = client;
    client.on(MatrixEventEvent.Decrypted, this.#onDecrypted);
    client.on(CryptoEvent.KeyBackupDecryptionKeyCached, this.soon);
  }

  readonly #onDecrypted = (event: MatrixEvent): void => {
    const id = event.getId();
    if (!id) return;
    if (!event.isDecryptionFailure()) {
      this.#waiting.delete(id);
      return;
    }
    if (this.#waiting.has(id)) return;
    this.#waiting.set(id, event);
    const oldest = this.#waiting.keys().next().value;
    if (this.#waiting.size > MAX_WAITING && oldest !== undefined) this.#waiting.delete(oldest);
    this.soon();
  };

  /** Something changed (a new message, a key, the network): the waits start again from the short ones. */
  readonly soon = (): void => {
    this.#tries = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#schedule();
  };

  #schedule(): void {
    const wait = WAITS_MS[this.#tries];
    if (this.#timer !== undefined || this.#waiting.size === 0 || wait === undefined) return;
    this.#timer = setTimeout(() => void this.#retry(), wait);
  }

  async #retry(): Promise<void> {
    this.#tries += 1;
    const crypto = this.#client.getCrypto() as unknown as Retry | undefined;
    if (crypto) {
      await Promise.allSettled([...this.#waiting.values()].map((event) => event.attemptDecryption(crypto, { isRetry: true })));
    }
    this.#timer = undefined;
    this.#schedule();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
    this.#client.off(MatrixEventEvent.Decrypted, this.#onDecrypted);
    this.#client.off(CryptoEvent.KeyBackupDecryptionKeyCached, this.soon);
  }
}
