// SPDX-License-Identifier: Apache-2.0
/**
 * The rooms on disk, in a worker: reading and writing a thousand rooms takes tenths of a second,
 * which is not taken from a person who types.
 */
import { IndexedDBStoreWorker } from "matrix-js-sdk/lib/indexeddb-worker";
import type { IIndexedDBBackend } from "matrix-js-sdk/lib/store/indexeddb-backend";
import { boundTimelines } from "./kept-rooms.ts";
import { quietSdk } from "./quiet.ts";

quietSdk();
const worker = new IndexedDBStoreWorker((message: unknown) => self.postMessage(message));

self.addEventListener("message", (event) => {
  worker.onMessage(event);
  // The SDK makes its backend at the first message and opens the database at the next.
  const { backend } = worker as unknown as { readonly backend?: IIndexedDBBackend };
  if (backend) boundTimelines(backend);
});
