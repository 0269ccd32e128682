// SPDX-License-Identifier: Apache-2.0
/** Encryption as a person meets it: is this device safe, and can messages be got back. */
import type { Observable } from "./observable.ts";

/**
 * - `fresh`: the account has no cryptographic identity, and the server would not take one unasked;
 * - `unverified`: the account has one, this device has not been confirmed: it sends and reads nothing encrypted;
 * - `noRecovery`: this device is confirmed, but messages and identity are lost with it;
 * - `ready`: nothing to do.
 */
export type EncryptionPhase = "loading" | "unavailable" | "fresh" | "unverified" | "noRecovery" | "ready";

export interface EncryptionStatus {
  readonly phase: EncryptionPhase;
  /** Whether a recovery code exists for this account. */
  readonly hasRecovery: boolean;
  /** Whether another device could confirm this one. */
  readonly otherDevices: boolean;
  /** Messages whose keys are being fetched from the backup: [done, total]. */
  readonly restoring: readonly [number, number] | null;
}

export interface Device {
  readonly id: string;
  /** Empty when nobody named it. */
  readonly name: string;
  readonly current: boolean;
  readonly verified: boolean;
  readonly lastSeen: number | null;
  readonly lastAddress: string | null;
}

export interface VerificationEmoji {
  readonly symbol: string;
  /** English name of the Matrix emoji table; the views translate it. */
  readonly name: string;
}

export type VerificationPhase =
  | "incoming" | "waiting" | "comparing" | "confirming" | "done" | "cancelled" | "mismatch";

export interface VerificationState {
  readonly phase: VerificationPhase;
  /** True when the other side is one of our own devices. */
  readonly self: boolean;
  readonly otherName: string;
  readonly emoji: readonly VerificationEmoji[];
}

/** One run of a verification; always ends in done, cancelled or mismatch. */
export interface VerificationFlow {
  readonly state: Observable<VerificationState>;
  accept(): Promise<void>;
  confirm(): Promise<void>;
  reject(): Promise<void>;
  cancel(): Promise<void>;
}

/** Asked when the server wants a sensitive request confirmed. */
export interface Confirmation {
  /** The password once more; null when the person gives up. */
  password(): Promise<string | null>;
  /** A visit to the server's own page (`m.oauth`); false when the person gives up. */
  page(url: string): Promise<boolean>;
}

export interface EncryptionPort {
  readonly status: Observable<EncryptionStatus>;
  /** The verification in progress, started here or elsewhere. */
  readonly verification: Observable<VerificationFlow | null>;
  /** Creates backup and recovery, and the identity where there is none; answers the recovery code to show once. */
  setUp(confirmation: Confirmation): Promise<string>;
  /** Confirms this device and fetches the keys of old messages. */
  recover(code: string): Promise<void>;
  /** Replaces the recovery code, keeping identity, backup and every message. */
  renewCode(): Promise<string>;
  /** Last resort: new identity and backup. Old messages nobody else can give back are lost. */
  reset(confirmation: Confirmation): Promise<string>;
  verifyThisDevice(): Promise<void>;
  verifyDevice(deviceId: string): Promise<void>;
  verifyUser(userId: string): Promise<void>;
  /** Counts changes of whom this account trusts: each is a reason to ask `userVerified` again. */
  readonly trustChanges: Observable<number>;
  userVerified(userId: string): Promise<boolean>;
  dismissVerification(): void;
  devices(): Promise<readonly Device[]>;
  renameDevice(deviceId: string, name: string): Promise<void>;
  removeDevice(deviceId: string, confirmation: Confirmation): Promise<void>;
  exportKeys(passphrase: string): Promise<Blob>;
  /** Answers how many message keys were taken in. */
  importKeys(file: File, passphrase: string): Promise<number>;
}
