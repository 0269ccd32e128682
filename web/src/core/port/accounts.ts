// SPDX-License-Identifier: Apache-2.0
/** What is known of an account that is signed in here while another one is open. */
import type { Observable } from "./observable.ts";
import type { AccountRef } from "./session.ts";

/**
 * - `starting`: the server has not answered yet;
 * - `offline`: the server does not answer now;
 * - `closed`: the server no longer lets this session in; opening the account says why.
 */
export type WatchPhase = "starting" | "watching" | "offline" | "closed";

export interface AccountNews {
  readonly phase: WatchPhase;
  /** Conversations with something new, invitations included. */
  readonly unread: number;
  /** Whether one of them names the person. */
  readonly mentioned: boolean;
}

/** Something new in a conversation of an account that is not open. */
export interface AccountAlert {
  readonly account: AccountRef;
  readonly roomId: string;
  /** Null where the conversation has no name yet. */
  readonly roomName: string | null;
  /** New messages of that conversation; none for an invitation. */
  readonly count: number;
}

export interface AccountListener {
  readonly alert: (alert: AccountAlert) => void;
  /** A conversation of the account was read, on whatever device. */
  readonly read: (account: AccountRef, roomId: string) => void;
}

/** Counts what is new in an account without opening it. */
export interface AccountWatch {
  readonly news: Observable<AccountNews>;
  stop(): void;
}
