// SPDX-License-Identifier: Apache-2.0
/**
 * When the rooms are written to disk. The SDK does it at the first sync and then every five
 * minutes: who starts offline within that time would miss conversations.
 */
import { ClientEvent, type MatrixClient, type SyncState, type SyncStateData } from "matrix-js-sdk";

/** Longest time that something new is in memory alone, in milliseconds. */
const SAVE_MS = 5_000;
/** From this many rooms on one writing takes long enough to be done less often. */
const MANY_ROOMS = 200;
const SAVE_MANY_MS = 60_000;

export class StoreKeeper {
  readonly #client: MatrixClient;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: MatrixClient) {
    this.#client = client;
    client.on(ClientEvent.Sync, this.#onSync);
    document.addEventListener("visibilitychange", this.#onHidden);
    window.addEventListener("pagehide", this.#saveNow);
    // A page that goes away may be gone before the disk is; without a network it is all there is.
    window.addEventListener("offline", this.#saveNow);
  }

  readonly #onSync = (_state: SyncState, _before: SyncState | null, data?: SyncStateData): void => {
    if (data?.fromCache || !data?.nextSyncToken || data.nextSyncToken === data.oldSyncToken) return;
    this.#timer ??= setTimeout(this.#saveNow, this.#client.getRooms().length > MANY_ROOMS ? SAVE_MANY_MS : SAVE_MS);
  };

  readonly #onHidden = (): void => {
    if (document.visibilityState === "hidden") this.#saveNow();
  };

  /** Writes what is not written yet. */
  readonly #saveNow = (): void => {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // The SDK turns to memory by itself where the disk is full.
    void this.#client.store.save(true).catch(() => undefined);
  };

  dispose(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#client.off(ClientEvent.Sync, this.#onSync);
    document.removeEventListener("visibilitychange", this.#onHidden);
    window.removeEventListener("pagehide", this.#saveNow);
    window.removeEventListener("offline", this.#saveNow);
  }
}
