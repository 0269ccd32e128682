// SPDX-License-Identifier: Apache-2.0
/** A key-value table in IndexedDB; enough for the outbox, and nothing more. */

function asPromise<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("storage failure"));
  });
}

const STORE = "entries";

/** A durable table of records that carry their own `id`. */
export class Table<T extends { readonly id: string }> {
  readonly #name: string;
  #database: Promise<IDBDatabase> | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  #open(): Promise<IDBDatabase> {
    this.#database ??= (() => {
      const request = indexedDB.open(this.#name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
      const opening = asPromise(request);
      // A failure is not for ever: the next use tries again.
      opening.catch(() => { if (this.#database === opening) this.#database = null; });
      return opening;
    })();
    return this.#database;
  }

  /** Resolves when the change is committed: a full disk is known no sooner. */
  async #write(change: (store: IDBObjectStore) => void): Promise<void> {
    const transaction = (await this.#open()).transaction(STORE, "readwrite");
    const committed = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("storage failure"));
    });
    change(transaction.objectStore(STORE));
    return committed;
  }

  async all(): Promise<T[]> {
    return asPromise((await this.#open()).transaction(STORE, "readonly").objectStore(STORE).getAll() as IDBRequest<T[]>);
  }

  async put(record: T): Promise<void> {
    await this.#write((store) => { store.put(record); });
  }

  async delete(id: string): Promise<void> {
    await this.#write((store) => { store.delete(id); });
  }

  async close(): Promise<void> {
    const opened = this.#database;
    this.#database = null;
    (await opened?.catch(() => null))?.close();
  }
}
