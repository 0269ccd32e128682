// SPDX-License-Identifier: Apache-2.0
/**
 * Cross-signing, key backup and secret storage under one idea: this device is safe, and one
 * recovery code gives everything back (client-server API, "Secrets" and "Server-side key backups").
 */
import { ClientEvent, EventType, type MatrixClient, type MatrixEvent } from "matrix-js-sdk";
import {
  CryptoEvent, type CryptoApi, type CryptoCallbacks, decodeRecoveryKey, deriveRecoveryKeyFromPassphrase,
  type VerificationRequest,
} from "matrix-js-sdk/lib/crypto-api";
import { Cell, Disposables } from "../port/observable.ts";
import type {
  Confirmation, Device, EncryptionPort, EncryptionStatus, VerificationFlow,
} from "../port/encryption.ts";
import { CoreError, type FailureKind } from "../port/session.ts";
import { listDevices, removeDevice, renameDevice } from "./devices.ts";
import { guarded, isTransient } from "./errors.ts";
import { ensureBackup, ensureIdentity, UNASKED } from "./identity.ts";
import { openKeyFile, sealKeyFile } from "./keyfile.ts";
import { holdsIdentity, resetIdentity } from "./reset.ts";
import { confirmed } from "./uia.ts";
import { unsavedKeys } from "./unsaved-keys.ts";
import { Verification } from "./verification.ts";

/** The secret-storage key of this page's life: asked once, never written down. */
export class SecretKeys {
  #key: Uint8Array<ArrayBuffer> | null = null;

  readonly callbacks: CryptoCallbacks = {
    getSecretStorageKey: async ({ keys }) => {
      const id = Object.keys(keys)[0];
      return id && this.#key ? [id, this.#key] : null;
    },
    cacheSecretStorageKey: (_id, _info, key) => { this.#key = key as Uint8Array<ArrayBuffer>; },
  };

  hold(key: Uint8Array<ArrayBuffer> | null): void {
    this.#key = key;
  }
}

/** How long after the start the dehydrated device is renewed, in milliseconds. */
const DEHYDRATE_AFTER_MS = 60_000;

/** How long after a reading that failed it is tried again, in milliseconds. */
const READ_AGAIN_MS = 20_000;

const LOADING: EncryptionStatus = { phase: "loading", hasRecovery: false, otherDevices: false, restoring: null };

export class Encryption implements EncryptionPort {
  readonly status = new Cell<EncryptionStatus>(LOADING);
  readonly verification = new Cell<VerificationFlow | null>(null);
  readonly trustChanges = new Cell(0);
  readonly #client: MatrixClient;
  readonly #secrets: SecretKeys;
  readonly #resetPage: () => Promise<string | null>;
  readonly #undo = new Disposables();
  #refreshing: Promise<void> | null = null;
  #again = false;
  #restoring = false;
  #changing = false;
  #backingUp = false;
  #backedUp = false;
  #next: VerificationRequest | null = null;
  #dehydration: ReturnType<typeof setTimeout> | undefined;
  #later: ReturnType<typeof setTimeout> | undefined;
  #disposed = false;

  /** `resetPage`: where a new identity is confirmed, for accounts that are managed on the server's pages. */
  constructor(client: MatrixClient, secrets: SecretKeys, resetPage: () => Promise<string | null>) {
    this.#client = client;
    this.#resetPage = resetPage;
    this.#secrets = secrets;
    const refresh = (): void => void this.refresh();
    const trust = (): void => { this.trustChanges.update((count) => count + 1); refresh(); };
    const onData = (event: MatrixEvent): void => {
      if (event.getType().startsWith("m.secret_storage") || event.getType().startsWith("m.cross_signing")) refresh();
    };
    const onRequest = (request: VerificationRequest): void => {
      if (!request.pending || request.initiatedByMe) return;
      // What is being compared is not swapped under the reader's eyes: the next one waits.
      if (this.#verifying()) this.#next = request;
      else this.#show(request);
    };
    const pairs: [string, (...args: never[]) => void][] = [
      [CryptoEvent.KeysChanged, refresh], [CryptoEvent.UserTrustStatusChanged, trust],
      [CryptoEvent.DevicesUpdated, refresh], [CryptoEvent.KeyBackupStatus, refresh],
      // Another device handed over the key of the backup: everything in it can be had at once.
      [CryptoEvent.KeyBackupDecryptionKeyCached, () => { if (!this.#backingUp) void this.#restore(); }],
      [ClientEvent.AccountData, onData as never], [CryptoEvent.VerificationRequestReceived, onRequest as never],
    ];
    for (const [event, handler] of pairs) {
      client.on(event as never, handler as never);
      this.#undo.add(() => client.off(event as never, handler as never));
    }
  }

  get #crypto(): CryptoApi {
    const crypto = this.#client.getCrypto();
    if (!crypto) throw new CoreError("unsupported", "encryption is not available");
    return crypto;
  }

  /** Reads the state again; concurrent calls share one reading and one more after it. */
  refresh(): Promise<void> {
    if (this.#refreshing) {
      this.#again = true;
      return this.#refreshing;
    }
    // Half a change is no state to show, and asking for it could undo it. What changes in the midst of a reading is read after it.
    if (this.#changing) return Promise.resolve();
    this.#refreshing = this.#read().catch(() => this.#readLater()).finally(() => {
      this.#refreshing = null;
      if (this.#again) { this.#again = false; void this.refresh(); }
    });
    return this.#refreshing;
  }

  #readLater(): void {
    if (this.#disposed) return;
    clearTimeout(this.#later);
    this.#later = setTimeout(() => void this.refresh(), READ_AGAIN_MS);
  }

  async #read(): Promise<void> {
    const me = this.#client.getSafeUserId();
    const deviceId = this.#client.getDeviceId() ?? "";
    const hasRecovery = (await this.#client.secretStorage.getDefaultKeyId()) !== null;
    // Where a recovery code is, its owner has to open what it protects first.
    if (!hasRecovery) await this.#makeIdentity();
    const hasKeys = await this.#crypto.userHasCrossSigningKeys(me, true);
    const trust = await this.#crypto.getDeviceVerificationStatus(me, deviceId);
    const devices = (await this.#crypto.getUserDeviceInfo([me])).get(me);
    const others = [...(devices?.values() ?? [])].filter((one) => one.deviceId !== deviceId && !one.dehydrated);
    const verified = trust?.crossSigningVerified ?? false;
    // Who holds the identity needs nobody to confirm them: it has only not reached the server.
    const missing = !verified && !hasRecovery && (!hasKeys || await holdsIdentity(this.#crypto));
    const phase = missing ? "fresh" : !verified ? "unverified" : !hasRecovery ? "noRecovery" : "ready";
    this.status.update((old) => ({ ...old, phase, hasRecovery, otherDevices: others.length > 0 }));
    if (phase === "ready") this.#keepDehydrated();
    if (phase === "noRecovery") await this.#backUp();
  }

  /** Why this device may encrypt nothing now, if so. */
  refusal(): FailureKind | null {
    const { phase } = this.status.get();
    return phase === "fresh" ? "identityMissing" : phase === "unverified" ? "unconfirmed" : null;
  }

  /** A server that refuses leaves the account without an identity: `setUp` asks the person. */
  async #makeIdentity(): Promise<void> {
    try {
      await this.#change(() => ensureIdentity(this.#client, this.#crypto, UNASKED));
    } catch (error) {
      if (isTransient(error)) this.#readLater();
    }
  }

  /** A server that refuses leaves the keys on this device: the code, once wanted, makes the backup. */
  async #backUp(): Promise<void> {
    if (this.#backedUp) return;
    this.#backingUp = true;
    try {
      await ensureBackup(this.#client, this.#crypto);
      this.#backedUp = true;
    } catch (error) {
      if (isTransient(error)) this.#readLater();
    } finally {
      this.#backingUp = false;
    }
  }

  async setUp(confirmation: Confirmation): Promise<string> {
    while (this.#refreshing) await this.#refreshing;
    await guarded(() => this.#change(() => ensureIdentity(this.#client, this.#crypto, confirmed(this.#client, confirmation))));
    return this.renewCode();
  }

  async renewCode(): Promise<string> {
    // Two backups at a time would be one too many.
    while (this.#refreshing) await this.#refreshing;
    return guarded(async () => {
      // Without the private halves a "new code" would protect nothing: refuse instead of losing.
      if (!(await holdsIdentity(this.#crypto))) throw new CoreError("identityAway", "this device does not hold the identity");
      const backup = await this.#crypto.getKeyBackupInfo();
      const backupHeld = (await this.#crypto.getSessionBackupPrivateKey()) !== null;
      return this.#newCode(!backup || !backupHeld);
    });
  }

  async reset(confirmation: Confirmation): Promise<string> {
    return guarded(async () => {
      const page = await this.#resetPage();
      await this.#change(() => resetIdentity(this.#client, this.#crypto, confirmation, page));
      return this.#newCode(false);
    });
  }

  async #change(make: () => Promise<void>): Promise<void> {
    this.#changing = true;
    try {
      await make();
    } finally {
      this.#changing = false;
    }
  }

  async #newCode(newBackup: boolean): Promise<string> {
    const key = await this.#crypto.createRecoveryKeyFromPassphrase();
    this.#secrets.hold(key.privateKey);
    await this.#crypto.bootstrapSecretStorage({
      createSecretStorageKey: async () => key, setupNewSecretStorage: true, setupNewKeyBackup: newBackup,
    });
    await this.#crypto.checkKeyBackupAndEnable();
    await this.#dehydrate();
    await this.refresh();
    return key.encodedPrivateKey ?? "";
  }

  /** A device that receives keys while all others are closed (MSC3814); only where offered. */
  async #dehydrate(): Promise<void> {
    try {
      if (await this.#crypto.isDehydrationSupported()) await this.#crypto.startDehydration();
    } catch {
      // A convenience: its absence changes nothing else.
    }
  }

  /** Renews the waiting device while this one is in use: once per start, when nothing else is going on. */
  #keepDehydrated(): void {
    this.#dehydration ??= setTimeout(() => {
      void this.#crypto.isDehydrationSupported()
        .then((supported) => (supported ? this.#crypto.startDehydration({ onlyIfKeyCached: true, rehydrate: false }) : undefined))
        .catch(() => undefined);
    }, DEHYDRATE_AFTER_MS);
  }

  async recover(code: string): Promise<void> {
    await guarded(async () => {
      const [, info] = (await this.#client.secretStorage.getKey()) ?? [null, null];
      if (!info) throw new CoreError("notFound", "no recovery is set up");
      const key = await this.#decode(code, info.passphrase);
      if (!(await this.#client.secretStorage.checkKey(key, info))) throw new CoreError("credentials");
      this.#secrets.hold(key);
      await this.#change(() => ensureIdentity(this.#client, this.#crypto, UNASKED));
      // What is not in there cannot be taken out: other keys would be made in its place.
      if (!(await this.#client.secretStorage.isStored("m.cross_signing.master"))) throw new CoreError("identityAway");
      await this.#crypto.bootstrapCrossSigning({});
      await this.#crypto.crossSignDevice(this.#client.getDeviceId() ?? "");
      await this.refresh();
      void this.#restore();
    });
  }

  async #decode(code: string, passphrase?: { salt: string; iterations: number }): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return decodeRecoveryKey(code.trim()) as Uint8Array<ArrayBuffer>;
    } catch {
      if (!passphrase) throw new CoreError("credentials", "not a recovery code");
      return await deriveRecoveryKeyFromPassphrase(code.trim(), passphrase.salt, passphrase.iterations) as Uint8Array<ArrayBuffer>;
    }
  }

  /** Fetches the keys of old messages; a call during another one is part of it. */
  async #restore(): Promise<void> {
    if (this.#restoring) return;
    this.#restoring = true;
    try {
      if ((await this.#crypto.getSessionBackupPrivateKey()) === null) {
        await this.#crypto.loadSessionBackupPrivateKeyFromSecretStorage();
      }
      await this.#crypto.checkKeyBackupAndEnable();
      await this.#crypto.restoreKeyBackup({
        progressCallback: (progress) => {
          if (progress.stage !== "load_keys") return;
          this.status.update((old) => ({ ...old, restoring: [progress.successes + progress.failures, progress.total] }));
        },
      });
      await this.#dehydrate();
    } catch {
      // Without a backup there is nothing to restore; the messages say so themselves.
    } finally {
      this.#restoring = false;
      this.status.update((old) => ({ ...old, restoring: null }));
    }
  }

  #show(request: VerificationRequest): void {
    const room = request.roomId ? this.#client.getRoom(request.roomId) : null;
    const name = room?.getMember(request.otherUserId)?.rawDisplayName ?? request.otherUserId;
    this.verification.set(new Verification(request, name, () => { this.trustChanges.update((count) => count + 1); void this.refresh(); }));
  }

  async verifyThisDevice(): Promise<void> {
    this.#show(await guarded(() => this.#crypto.requestOwnUserVerification()));
  }

  async verifyDevice(deviceId: string): Promise<void> {
    this.#show(await guarded(() => this.#crypto.requestDeviceVerification(this.#client.getSafeUserId(), deviceId)));
  }

  async verifyUser(userId: string): Promise<void> {
    const rooms = (this.#client.getAccountData(EventType.Direct)?.getContent() ?? {}) as Record<string, string[]>;
    const roomId = rooms[userId]?.find((id) => this.#client.getRoom(id)?.getMyMembership() === "join");
    if (!roomId) throw new CoreError("notFound", "no direct conversation with this person");
    this.#show(await guarded(() => this.#crypto.requestVerificationDM(userId, roomId)));
  }

  async userVerified(userId: string): Promise<boolean> {
    return (await guarded(() => this.#crypto.getUserVerificationStatus(userId))).isCrossSigningVerified();
  }

  dismissVerification(): void {
    if (this.#verifying()) void this.verification.get()?.cancel();
    const next = this.#next;
    this.#next = null;
    if (next?.pending) this.#show(next);
    else this.verification.set(null);
  }

  #verifying(): boolean {
    const phase = this.verification.get()?.state.get().phase;
    return phase !== undefined && phase !== "done" && phase !== "cancelled" && phase !== "mismatch";
  }

  devices(): Promise<readonly Device[]> {
    return guarded(() => listDevices(this.#client));
  }

  renameDevice(deviceId: string, name: string): Promise<void> {
    return guarded(() => renameDevice(this.#client, deviceId, name));
  }

  removeDevice(deviceId: string, confirmation: Confirmation): Promise<void> {
    return guarded(() => removeDevice(this.#client, deviceId, confirmation));
  }

  exportKeys(passphrase: string): Promise<Blob> {
    return guarded(async () => sealKeyFile(await this.#crypto.exportRoomKeysAsJson(), passphrase));
  }

  importKeys(file: File, passphrase: string): Promise<number> {
    return guarded(async () => {
      const keys = await openKeyFile(await file.text(), passphrase);
      await this.#crypto.importRoomKeysAsJson(keys);
      return (JSON.parse(keys) as unknown[]).length;
    });
  }

  /**
   * The SDK looks for the backup once, at its start: a page that started without a network would save
   * no key for the rest of its life.
   */
  async resumeBackup(): Promise<void> {
    if (this.#changing) return;
    const active = await this.#crypto.getActiveSessionBackupVersion().catch(() => null);
    if (active === null) await this.#crypto.checkKeyBackupAndEnable().catch(() => undefined);
  }

  /** Keys that a sign-out would lose, and whether the backup takes them up. */
  async unsaved(): Promise<{ readonly keys: number | null; readonly saving: boolean }> {
    const saving = (await this.#crypto.getActiveSessionBackupVersion().catch(() => null)) !== null;
    return { keys: await unsavedKeys(this.#crypto), saving };
  }

  dispose(): void {
    this.dismissVerification();
    this.#disposed = true;
    clearTimeout(this.#dehydration);
    clearTimeout(this.#later);
    this.#secrets.hold(null);
    this.#undo.dispose();
  }
}
