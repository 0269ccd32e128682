// SPDX-License-Identifier: Apache-2.0
/**
 * How much of each conversation is written to disk, and so is in memory after a start. The SDK
 * keeps fifty messages of every room; with a thousand rooms that is most of the heap.
 */
import type { IIndexedDBBackend } from "matrix-js-sdk/lib/store/indexeddb-backend";

/** Newest events kept of each conversation, cut where the server can continue from. */
export const KEPT_EVENTS = 20;

/** What the SDK's local backend holds; it takes no option for it. */
interface Accumulating {
  readonly syncAccumulator?: { readonly opts: { maxTimelineEntries?: number } };
}

/** Bounds a backend that accumulates here. One in a worker is bounded in the worker. */
export function boundTimelines(backend: IIndexedDBBackend): void {
  const { syncAccumulator } = backend as unknown as Accumulating;
  if (syncAccumulator) syncAccumulator.opts.maxTimelineEntries = KEPT_EVENTS;
}
