// SPDX-License-Identifier: Apache-2.0
/** Opens one account: store, cryptography, sync, and the port's services over them. */
import {
  ClientEvent, createClient, HttpApiEvent, type ICreateClientOpts, IndexedDBStore, type MatrixClient, MemoryCryptoStore, PendingEventOrdering,
  SyncState, type SyncStateData,
} from "matrix-js-sdk";
import { OnlySignedDevicesIsolationMode } from "matrix-js-sdk/lib/crypto-api";
import { Cell } from "../port/observable.ts";
import type { Alert, Connection, Core, Losses } from "../port/core.ts";
import type { RoomPort } from "../port/rooms.ts";
import { type AccountRef, CoreError } from "../port/session.ts";
import type { TimelinePort } from "../port/timeline.ts";
import { removeAccount, type StoredAccount, storedAccount, updateTokens } from "./accounts.ts";
import { Alerts } from "./alerts.ts";
import { fetchAllowances, PLAIN } from "./allowances.ts";
import { homeserver } from "./auth.ts";
import { databaseNames, databases, removeFilters } from "./database-names.ts";
import { Directory } from "./directory.ts";
import { Encryption, SecretKeys } from "./encryption.ts";
import { toCoreError } from "./errors.ts";
import { removeDatabases } from "./leftovers.ts";
import { boundTimelines } from "./kept-rooms.ts";
import { Media } from "./media.ts";
import { Outbox } from "./outbox.ts";
import { Profile } from "./profile.ts";
import { Push } from "./push.ts";
import { QUIET, quietSdk } from "./quiet.ts";
import { MatrixRoom } from "./room.ts";
import { RoomList } from "./room-list.ts";
import { generatedName } from "./room-name.ts";
import { StoreKeeper } from "./store-keeper.ts";
import { MatrixTimeline } from "./timeline.ts";
import { tokensSettled } from "./token-renewal.ts";
import { Undecrypted } from "./undecrypted.ts";

/** Events per room in the first sync. */
const INITIAL_EVENTS = 15;
/** Timelines kept warm so that coming back to a room shows it at once. */
const MAX_WARM = 12;

class MatrixCore implements Core {
  readonly account: AccountRef;
  readonly connection = new Cell<Connection>("starting");
  readonly renewalPage = new Cell<string | null>(null);
  readonly allowances = new Cell(PLAIN);
  readonly unsent = new Cell(0);
  readonly unkept = new Cell(false);
  readonly #accessRules = new Cell(false);
  readonly rooms: RoomList;
  readonly directory: Directory;
  readonly media: Media;
  readonly encryption: Encryption;
  readonly profile: Profile;
  readonly push: Push;
  readonly #client: MatrixClient;
  readonly #outbox: Outbox;
  readonly #alerts: Alerts;
  readonly #undecrypted: Undecrypted;
  readonly #keeper: StoreKeeper;
  readonly #warm = new Map<string, MatrixTimeline>();

  constructor(client: MatrixClient, account: AccountRef, secrets: SecretKeys, oauth: boolean) {
    this.#client = client;
    this.account = account;
    this.rooms = new RoomList(client);
    this.directory = new Directory(client);
    this.media = new Media(client);
    this.profile = new Profile(client, oauth);
    this.encryption = new Encryption(client, secrets, () => this.profile.resetPage());
    this.push = new Push(client);
    this.#outbox = new Outbox(client, account.key, () => this.connection.get() === "online", () => this.encryption.refusal());
    this.#outbox.entries.subscribe(() => {
      const waiting = this.#outbox.entries.get().filter((one) => one.state.phase !== "sent");
      this.unsent.set(waiting.length);
      this.unkept.set(waiting.some((one) => !one.kept));
    });
    this.encryption.status.subscribe(() => {
      const { phase } = this.encryption.status.get();
      if (phase === "ready" || phase === "noRecovery") void this.#outbox.resume();
    });
    this.#alerts = new Alerts(client);
    this.#undecrypted = new Undecrypted(client);
    this.#keeper = new StoreKeeper(client);
    this.connection.subscribe(() => { if (this.connection.get() === "online") void this.encryption.resumeBackup(); });
    client.on(ClientEvent.Sync, this.#onSync);
    window.addEventListener("offline", this.#onNetworkLost);
    window.addEventListener("online", this.#onNetworkBack);
    if (!navigator.onLine) this.connection.set("offline");
    // Client-server API, "Soft logout": keys and messages stay for the next sign-in.
    client.on(HttpApiEvent.SessionLoggedOut, (error) => this.connection.set(error.data["soft_logout"] === true ? "expired" : "signedOut"));
  }

  readonly #onSync = (state: SyncState, _before: SyncState | null, data?: SyncStateData): void => {
    if (this.connection.get() === "signedOut" || this.connection.get() === "expired") return;
    if (state === SyncState.Prepared) {
      this.rooms.touchAll();
      void this.profile.load();
      void this.encryption.refresh();
      void fetchAllowances(this.#client).then((found) => { this.#accessRules.set(found.accessRules); this.allowances.set(found); }, () => undefined);
    }
    // That the server can be reached says nothing of an account that it does not let in.
    const kept = this.connection.get() === "locked" || this.connection.get() === "lapsed";
    const answered = state === SyncState.Prepared || state === SyncState.Syncing || (state === SyncState.Catchup && !kept);
    if (answered) void this.#outbox.load().then(() => this.#outbox.pump());
    // What the disk remembers is shown at once, but says nothing about the server.
    if (answered && !data?.fromCache) this.connection.set("online");
    if (state === SyncState.Reconnecting || state === SyncState.Error) {
      const { kind, page } = toCoreError(data?.error);
      if (kind === "lapsed") this.renewalPage.set(page);
      this.connection.set(kind === "locked" || kind === "lapsed" ? kind : kind === "limit" ? "busy" : "offline");
    }
    if (this.connection.get() === "online") this.#outbox.pump();
  };

  /** The browser knows at once; a request that waits for news would only tell after minutes. */
  readonly #onNetworkLost = (): void => {
    const now = this.connection.get();
    if (now === "online" || now === "starting") this.connection.set("offline");
  };

  readonly #onNetworkBack = (): void => {
    this.#client.retryImmediately();
    // A request that outlived the cut goes on waiting: nothing else would say that all is well.
    const state = this.#client.getSyncState();
    if (this.connection.get() !== "offline" || (state !== SyncState.Syncing && state !== SyncState.Catchup)) return;
    this.connection.set("online");
    this.#outbox.pump();
  };

  room(roomId: string): RoomPort {
    const room = this.#client.getRoom(roomId);
    if (!room) throw new CoreError("notFound", roomId);
    return new MatrixRoom(this.#client, room, this.#accessRules);
  }

  timeline(roomId: string): TimelinePort {
    const warm = this.#warm.get(roomId);
    if (warm) {
      this.#warm.delete(roomId);
      this.#warm.set(roomId, warm);
      warm.reopened();
      return warm;
    }
    const room = this.#client.getRoom(roomId);
    if (!room) throw new CoreError("notFound", roomId);
    const timeline = new MatrixTimeline(this.#client, room, this.#outbox);
    this.#warm.set(roomId, timeline);
    const oldest = this.#warm.keys().next().value;
    if (this.#warm.size > MAX_WARM && oldest !== undefined) {
      this.#warm.get(oldest)?.dispose();
      this.#warm.delete(oldest);
    }
    return timeline;
  }

  onAlert(listener: (alert: Alert) => void): () => void {
    return this.#alerts.listen(listener);
  }

  async losses(): Promise<Losses> {
    const [unsent, { keys, saving }] = await Promise.all([this.#outbox.waiting(), this.encryption.unsaved()]);
    return { unsent, keys, saving };
  }

  async signOut(): Promise<void> {
    await this.#endSession().catch(() => undefined);
    this.stop();
    removeAccount(this.account.key);
    await Promise.all([this.#client.store.destroy?.(), this.#outbox.close()]).catch(() => undefined);
    removeFilters(this.account.userId);
    await removeDatabases(databaseNames(this.account.key));
  }

  /** A session of the server's own pages ends by giving its token back (RFC 7009). */
  async #endSession(): Promise<void> {
    const stored = storedAccount(this.account.key);
    if (!stored?.oauthClientId) {
      await this.#client.logout(true);
      return;
    }
    const { revokeTokens } = await import("./oauth.ts");
    await revokeTokens(this.#client, stored);
  }

  stop(): void {
    window.removeEventListener("offline", this.#onNetworkLost);
    window.removeEventListener("online", this.#onNetworkBack);
    for (const timeline of this.#warm.values()) timeline.dispose();
    this.#outbox.stop();
    this.#undecrypted.dispose();
    this.#keeper.dispose();
    this.rooms.dispose();
    this.encryption.dispose();
    this.media.release();
    this.#client.stopClient();
    void this.#client.store.destroy?.();
  }
}

/**
 * Opens a stored account. Resolves before the first sync: the connection tells the rest.
 * `storeWorker` starts the worker that keeps the rooms; where it cannot, the page keeps them.
 */
export async function openSession(ref: AccountRef, storeWorker: () => Worker): Promise<Core> {
  await tokensSettled(ref.key);
  const account = storedAccount(ref.key);
  if (!account) throw new CoreError("signedOut");
  const names = databases(account.key);
  quietSdk();
  const store = new IndexedDBStore({ indexedDB, dbName: names.sync, localStorage, workerFactory: storeWorker });
  const secrets = new SecretKeys();
  const client = createClient({
    baseUrl: homeserver(),
    logger: QUIET,
    userId: account.userId,
    deviceId: account.deviceId,
    accessToken: account.accessToken,
    ...oauthOptions(account),
    store,
    // Where the SDK would look for keys of clients before this one: there were none.
    cryptoStore: new MemoryCryptoStore(),
    timelineSupport: true,
    roomNameGenerator: (_roomId, state) => generatedName(state),
    cryptoCallbacks: secrets.callbacks,
    verificationMethods: ["m.sas.v1"],
  });
  await store.startup();
  boundTimelines(store.backend);
  await client.initRustCrypto({ cryptoDatabasePrefix: names.crypto });
  client.getCrypto()?.setDeviceIsolationMode(new OnlySignedDevicesIsolationMode());
  const core = new MatrixCore(client, { key: account.key, userId: account.userId, deviceId: account.deviceId }, secrets, account.oauthClientId !== undefined);
  await client.startClient({
    initialSyncLimit: INITIAL_EVENTS,
    lazyLoadMembers: true,
    pendingEventOrdering: PendingEventOrdering.Detached,
    threadSupport: false,
  });
  return core;
}

/** A session opened through the server's pages renews its own token (RFC 6749, section 6). */
function oauthOptions({ refreshToken, oauthClientId, key }: StoredAccount): Partial<ICreateClientOpts> {
  if (!refreshToken || !oauthClientId) return {};
  return {
    refreshToken, oauthClientId,
    onTokenRefresh: (tokens) => updateTokens(key, tokens.accessToken, tokens.refreshToken),
  };
}
