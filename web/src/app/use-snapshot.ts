// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState, useSyncExternalStore } from "react";
import type { Observable } from "../core/port/observable.ts";

/** The present value of an observable; the view draws again when it changes. */
export function useSnapshot<T>(source: Observable<T>): T {
  return useSyncExternalStore(source.subscribe, source.get);
}

/** Makes an object for as long as its keys stay the same, and ends it after. */
export function useOwned<T extends { dispose(): void }>(make: () => T, keys: readonly unknown[]): T | null {
  const [owned, setOwned] = useState<T | null>(null);
  useEffect(() => {
    const made = make();
    setOwned(made);
    return () => made.dispose();
    // `make` reads only what `keys` lists.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, keys);
  return owned;
}

/** The time, refreshed every minute, for dates shown relative to today. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 60_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** Whether the person is looking: page visible and window focused. */
export function useAttention(react: (attentive: boolean) => void): void {
  useEffect(() => {
    const tell = (): void => react(document.visibilityState === "visible" && document.hasFocus());
    tell();
    const events: [EventTarget, string][] = [[document, "visibilitychange"], [window, "focus"], [window, "blur"]];
    for (const [target, name] of events) target.addEventListener(name, tell);
    return () => { for (const [target, name] of events) target.removeEventListener(name, tell); };
  }, [react]);
}
