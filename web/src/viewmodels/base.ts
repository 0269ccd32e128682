// SPDX-License-Identifier: Apache-2.0
/** The shape of every view model: an immutable snapshot, actions, and an end. */
import { Cell, Disposables, type Observable } from "../core/port/observable.ts";

export abstract class ViewModel<S extends object> implements Observable<S> {
  protected readonly cell: Cell<S>;
  protected readonly undo = new Disposables();

  constructor(initial: S) {
    this.cell = new Cell(initial);
  }

  get = (): S => this.cell.get();

  subscribe = (listener: () => void): (() => void) => this.cell.subscribe(listener);

  /** Replaces some fields; nobody is told when every one of them is identical. */
  protected merge(change: Partial<S>): void {
    const now = this.cell.get();
    const keys = Object.keys(change) as (keyof S)[];
    if (keys.some((key) => !Object.is(now[key], change[key]))) this.cell.set({ ...now, ...change });
  }

  /** Follows an observable for the life of this view model, starting with its present value. */
  protected follow<T>(source: Observable<T>, react: (value: T) => void): void {
    this.undo.add(source.subscribe(() => react(source.get())));
    react(source.get());
  }

  dispose(): void {
    this.undo.dispose();
  }
}

/** Where small things are remembered between visits; the application gives the real one. */
export interface KeyValue {
  read(key: string): string | null;
  write(key: string, value: string | null): void;
}
