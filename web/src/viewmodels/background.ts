// SPDX-License-Identifier: Apache-2.0
/** Being told of messages while no page of Estafette is open. */
import type { PushPort, PushSubscriptionKeys } from "../core/port/push.ts";
import { ViewModel, type KeyValue } from "./base.ts";

/** The browser's side of Web Push; the application gives the real one. */
export interface BrowserPush {
  available(): boolean;
  /** Subscribes with the server's key; an earlier subscription with another key is replaced. */
  subscribe(serverKey: string): Promise<PushSubscriptionKeys>;
  current(): Promise<PushSubscriptionKeys | null>;
  unsubscribe(): Promise<void>;
}

/**
 * - `unsupported`: the browser or the server cannot;
 * - `waiting`: everything is asked for, the first push has not come yet;
 * - `failed`: the browser's push service could not be reached, or the server refused.
 */
export type BackgroundPhase = "unknown" | "unsupported" | "off" | "working" | "waiting" | "on" | "failed";

export interface BackgroundSnapshot { readonly phase: BackgroundPhase }

const KEY = "push";

export class BackgroundViewModel extends ViewModel<BackgroundSnapshot> {
  readonly #push: PushPort;
  readonly #browser: BrowserPush;
  readonly #memory: KeyValue;
  readonly #language: () => string;

  constructor(push: PushPort, browser: BrowserPush, memory: KeyValue, language: () => string) {
    super({ phase: "unknown" });
    this.#push = push;
    this.#browser = browser;
    this.#memory = memory;
    this.#language = language;
  }

  /** At each start: what was wanted is asked for again, because subscriptions change by themselves. */
  start = async (): Promise<void> => {
    if (!this.#browser.available()) return this.merge({ phase: "unsupported" });
    if (this.#memory.read(KEY) === "on") return this.enable();
    const key = await this.#push.serverKey().catch(() => null);
    this.merge({ phase: key === null ? "unsupported" : "off" });
  };

  enable = async (): Promise<void> => {
    if (this.get().phase === "working") return;
    this.merge({ phase: "working" });
    try {
      const key = await this.#push.serverKey();
      if (key === null || !this.#browser.available()) return this.merge({ phase: "unsupported" });
      const keys = await this.#browser.subscribe(key);
      this.#memory.write(KEY, "on");
      const active = await this.#push.register(keys, this.#language());
      // The token may have come back before the answer to the registration.
      if (this.get().phase === "working") this.merge({ phase: active ? "on" : "waiting" });
    } catch {
      this.merge({ phase: "failed" });
    }
  };

  /** The server's token arrived by push: the way works. */
  confirm = async (token: string): Promise<void> => {
    try {
      await this.#push.confirm(token);
      this.merge({ phase: "on" });
    } catch {
      // A token of an earlier registration: the present one brings its own.
      if (this.get().phase === "on") return;
      this.merge({ phase: "failed" });
    }
  };

  disable = async (): Promise<void> => {
    this.#memory.write(KEY, null);
    this.merge({ phase: "off" });
    try {
      const keys = await this.#browser.current();
      if (keys) await this.#push.forget(keys);
      await this.#browser.unsubscribe();
    } catch {
      // Without the subscription the server's pushes lead nowhere, and it removes the pusher itself.
    }
  };
}
