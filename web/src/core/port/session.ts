// SPDX-License-Identifier: Apache-2.0
/** Accounts of this browser and the ways to open one. */

/** A signed-in account. `key` names its databases and never changes; no secret is in it. */
export interface AccountRef {
  readonly key: string;
  readonly userId: string;
  readonly deviceId: string;
  /** What the person was called when the account was last open. */
  readonly name?: string;
}

/** Who may create an account here, as the server answers before anyone is signed in. */
export type RegistrationMode = "open" | "token" | "closed";

/** The ways of signing in that this server offers. */
export interface SignInMethods {
  readonly password: boolean;
  /** The server's own pages, OAuth 2.0 authorization code + PKCE (Matrix 1.15 and later). */
  readonly oauth: boolean;
  /** Those pages also make new accounts (`prompt=create`); then nothing is asked for here. */
  readonly signUpPages: boolean;
  readonly registration: RegistrationMode;
}

export interface SignUpRequest {
  readonly username: string;
  readonly password: string;
  readonly displayName: string;
  readonly token?: string;
}

/**
 * Why a request failed, in terms a view can explain. `wait` carries `retryAfterMs`.
 */
export type FailureKind =
  | "offline"
  | "credentials"
  | "nameTaken"
  | "nameInvalid"
  | "passwordWeak"
  | "tokenInvalid"
  | "forbidden"
  | "notFound"
  | "notExpected"
  | "inviteBlocked"
  /** The person is a guest, and the room is not open to guests. */
  | "agentsOnly"
  /** An administrator locked the account. */
  | "locked"
  /** The account may read, and not act. */
  | "suspended"
  /** The account's time is over; `page` is where it is renewed, if the server says so. */
  | "lapsed"
  | "tooLarge"
  | "limit"
  | "unsupported"
  | "signedOut"
  | "cancelled"
  | "storageFull"
  // This device has not been confirmed: it neither sends nor receives what is encrypted.
  | "unconfirmed"
  // The account has no cryptographic identity yet.
  | "identityMissing"
  // The identity is not on this device.
  | "identityAway"
  // Somebody whose identity was verified has another one now.
  | "recipientChanged"
  // Neither the server's doing nor the network's.
  | "internal"
  | "server";

/** Reasons after which a message leaves by itself, once they are gone. */
export const HELD: ReadonlySet<string> = new Set<FailureKind>(["unconfirmed", "identityMissing"]);

/** The only error class that leaves the core. `detail` is the server's own sentence, if any. */
export class CoreError extends Error {
  readonly kind: FailureKind;
  readonly detail: string;
  readonly retryAfterMs: number;
  /** Where the person can mend it. */
  readonly page: string | null;

  constructor(kind: FailureKind, detail = "", retryAfterMs = 0, page: string | null = null) {
    super(detail || kind);
    this.name = "CoreError";
    this.kind = kind;
    this.detail = detail;
    this.retryAfterMs = retryAfterMs;
    this.page = page;
  }
}

export interface AuthPort {
  methods(): Promise<SignInMethods>;
  /** With `again`, as that device: its keys and messages stay. */
  signIn(username: string, password: string, again?: AccountRef): Promise<AccountRef>;
  signUp(request: SignUpRequest): Promise<AccountRef>;
  /** Prepares the OAuth journey and answers the address the browser must go to. */
  beginOAuth(action: "signIn" | "signUp", again?: AccountRef): Promise<string>;
  /** Finishes the OAuth journey from the address the browser came back to. */
  finishOAuth(code: string, state: string, issuer: string | null): Promise<AccountRef>;
  accounts(): readonly AccountRef[];
  active(): AccountRef | null;
  activate(key: string): void;
  /** Remembers what the person of an account is called. */
  name(key: string, name: string): void;
  /** Messages of an account that is not open, and that wait to be sent; null when it cannot be told. */
  unsent(account: AccountRef): Promise<number | null>;
  /** Removes everything of an account from this browser, without opening it or asking the server. */
  forget(account: AccountRef): Promise<void>;
}
