// SPDX-License-Identifier: Apache-2.0
/**
 * The one reactive primitive of the client: a value that can be read at once and watched.
 * It has the shape `useSyncExternalStore` wants, so a view needs no adapter.
 */

/** A readable value; `subscribe` promises one call after each change, never during `get`. */
export interface Observable<T> {
  get(): T;
  subscribe(listener: () => void): () => void;
}

/** An observable that its owner may set. Setting an identical value notifies nobody. */
export class Cell<T> implements Observable<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(initial: T) {
    this.#value = initial;
  }

  get = (): T => this.#value;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  update(change: (value: T) => T): void {
    this.set(change(this.#value));
  }
}

/** Collects what must be undone when an object ends; `dispose` runs each entry exactly once. */
export class Disposables {
  #entries: (() => void)[] = [];

  add(undo: () => void): void {
    this.#entries.push(undo);
  }

  dispose(): void {
    const entries = this.#entries;
    this.#entries = [];
    for (const undo of entries) undo();
  }
}
