// SPDX-License-Identifier: Apache-2.0
/**
 * The send queue. A message is on disk before it is shown, is sent in order within its room, is
 * retried by itself while the network is away, and is kept for the person to decide otherwise.
 * One transaction id per message, for ever: the server drops a second copy.
 */
import type { MatrixClient, MatrixEvent } from "matrix-js-sdk";
import { Cell, type Observable } from "../port/observable.ts";
import type { SendState } from "../port/timeline.ts";
import type { MessageContent } from "../content/outgoing.ts";
import { databases } from "./database-names.ts";
import { Table } from "./database.ts";
import { CoreError, type FailureKind, HELD } from "../port/session.ts";
import { isTransient, toCoreError } from "./errors.ts";
import { uploadedContent } from "./upload.ts";

export interface PendingFile {
  readonly blob: Blob;
  readonly name: string;
  readonly mime: string;
  readonly caption: string;
  /** The size of a picture, to show it while it is sent. */
  readonly picture?: { readonly width: number; readonly height: number };
}

export interface OutboxEntry {
  /** Also the Matrix transaction id. */
  readonly id: string;
  readonly roomId: string;
  readonly at: number;
  readonly type: string;
  /** Complete for a text; for a file, the parts known before the upload (relations). */
  readonly content: MessageContent;
  readonly file: PendingFile | null;
  readonly state: SendState;
  readonly eventId: string | null;
  /** Whether the disk has it: what it has not goes with the page. */
  readonly kept: boolean;
}

/** Waits between two tries, in milliseconds; the last one repeats. */
const BACKOFF_MS = [1_000, 2_000, 5_000, 10_000, 30_000];
/** Messages waiting at once, all rooms together. */
const MAX_ENTRIES = 500;

export class Outbox {
  readonly #client: MatrixClient;
  readonly #online: () => boolean;
  readonly #refusal: () => FailureKind | null;
  readonly #table: Table<OutboxEntry>;
  readonly #entries = new Cell<readonly OutboxEntry[]>([]);
  readonly #busy = new Set<string>();
  readonly #uploads = new Map<string, AbortController>();
  /** Being deleted: neither sent nor written to the disk again meanwhile. */
  readonly #cancelling = new Set<string>();
  #lastAt = 0;
  #failures = 0;
  #loading: Promise<void> | null = null;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /**
   * `online` tells whether the server answers now; nothing is tried while it does not. `refusal`: why
   * this device may encrypt nothing now; the cryptography itself counts an identity that nobody else sees.
   */
  constructor(client: MatrixClient, accountKey: string, online: () => boolean, refusal: () => FailureKind | null = () => null) {
    this.#client = client;
    this.#refusal = refusal;
    this.#online = () => navigator.onLine && online();
    this.#table = new Table(databases(accountKey).outbox);
    window.addEventListener("online", this.#wake);
    window.addEventListener("offline", this.#keepAgain);
  }

  get entries(): Observable<readonly OutboxEntry[]> {
    return this.#entries;
  }

  /** Takes up what an earlier page left behind, once; a disk that could not be read is read again at the next call. */
  load(): Promise<void> {
    this.#loading ??= this.#takeUp().catch(() => { this.#loading = null; });
    return this.#loading;
  }

  /** Messages not sent yet, also those that only the disk knows of; null when the disk cannot be read. */
  async waiting(): Promise<number | null> {
    await this.load();
    return this.#loading === null ? null : this.#entries.get().filter((one) => one.state.phase !== "sent").length;
  }

  async #takeUp(): Promise<void> {
    const stored = (await this.#table.all()).filter((one) => one.state.phase !== "sent");
    const queued = stored.map((one): OutboxEntry =>
      ({ ...one, kept: true, state: one.state.phase === "failed" ? one.state : { phase: "queued" } }));
    const added = this.#entries.get();
    const earlier = queued.filter((one) => !added.some((other) => other.id === one.id));
    const all = [...earlier, ...added].sort((a, b) => a.at - b.at);
    this.#lastAt = Math.max(this.#lastAt, all.at(-1)?.at ?? 0);
    this.#entries.set(all);
  }

  async add(entry: Omit<OutboxEntry, "id" | "at" | "state" | "eventId" | "kept">): Promise<void> {
    if (this.#entries.get().length >= MAX_ENTRIES) throw toCoreError({ errcode: "M_LIMIT_EXCEEDED" });
    // The order after a reload is that of the times, so no two may be the same.
    this.#lastAt = Math.max(Date.now(), this.#lastAt + 1);
    const complete: OutboxEntry = {
      ...entry, id: `e${crypto.randomUUID()}`, at: this.#lastAt, state: { phase: "queued" }, eventId: null, kept: true,
    };
    const kept = await this.#keep(complete);
    if (!kept && !this.#online()) throw new CoreError("storageFull");
    this.#entries.update((all) => [...all, { ...complete, kept }]);
    this.pump();
  }

  /** False when the disk is full: what can be sent now need not be kept for later. */
  async #keep(entry: OutboxEntry): Promise<boolean> {
    try {
      await this.#table.put({ ...entry, kept: true });
      return true;
    } catch {
      return false;
    }
  }

  async retry(id: string): Promise<void> {
    await this.#change(id, { state: { phase: "queued" } });
    this.pump();
  }

  /** This device may encrypt now: what was refused because it might not goes out, in the order it was written. */
  async resume(): Promise<void> {
    await this.load();
    const held = this.#entries.get().filter((one) => one.state.phase === "failed" && HELD.has(one.state.reason));
    await Promise.all(held.map((one) => this.#change(one.id, { state: { phase: "queued" } })));
    this.pump();
  }

  /** What the disk does not let go of stays in sight: out of it, it would leave at the next start. */
  async cancel(id: string): Promise<void> {
    this.#cancelling.add(id);
    this.#uploads.get(id)?.abort();
    try {
      await this.#table.delete(id);
      this.#drop(id);
    } catch (error) {
      if (this.#find(id)?.kept === false) return this.#drop(id);
      const failure = toCoreError(error);
      if (this.#find(id)?.state.phase !== "sent") this.#show(id, { state: { phase: "failed", reason: failure.kind } });
      throw failure;
    } finally {
      this.#cancelling.delete(id);
    }
  }

  /** The sync has shown the event: the local copy has done its work. */
  confirm(id: string): void {
    if (this.#find(id)?.state.phase === "sent") this.#drop(id);
  }

  /** Starts sending in every room that has something to send. */
  pump(): void {
    // Without a network the SDK would hold on to the message: it waits here, and says so.
    if (this.#stopped || !this.#online()) return;
    for (const roomId of new Set(this.#entries.get().map((one) => one.roomId))) {
      void this.#pumpRoom(roomId);
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    window.removeEventListener("online", this.#wake);
    window.removeEventListener("offline", this.#keepAgain);
  }

  /** Lets go of the database, so that it can be removed. */
  close(): Promise<void> {
    return this.#table.close();
  }

  readonly #wake = (): void => {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#keepAgain();
    this.pump();
  };

  #find(id: string): OutboxEntry | undefined {
    return this.#entries.get().find((one) => one.id === id);
  }

  /** Still to be sent: neither cancelled, nor being so, nor kept in sight only because the disk would not let go of it. */
  #wanted(id: string): boolean {
    const phase = this.#find(id)?.state.phase;
    return phase !== undefined && phase !== "failed" && !this.#cancelling.has(id);
  }

  #drop(id: string): void {
    this.#entries.update((all) => all.filter((one) => one.id !== id));
  }

  #show(id: string, change: Partial<OutboxEntry>): void {
    this.#entries.update((all) => all.map((one) => (one.id === id ? { ...one, ...change } : one)));
  }

  async #change(id: string, change: Partial<OutboxEntry>): Promise<void> {
    this.#show(id, change);
    const entry = this.#find(id);
    // A change that could not be written leaves the earlier copy where it was.
    if (entry && (await this.#keep(entry)) && !entry.kept) this.#show(id, { kept: true });
  }

  /** What the disk had no room for was to be sent at once: while it waits, room may have come. */
  readonly #keepAgain = (): void => {
    for (const one of this.#entries.get()) {
      if (!one.kept && one.state.phase !== "sent" && !this.#cancelling.has(one.id)) void this.#change(one.id, {});
    }
  };

  async #pumpRoom(roomId: string): Promise<void> {
    if (this.#busy.has(roomId) || this.#retryTimer !== undefined) return;
    this.#busy.add(roomId);
    try {
      for (;;) {
        const next = this.#entries.get().find((one) => one.roomId === roomId && one.state.phase === "queued" && this.#wanted(one.id));
        if (!next || this.#stopped || !this.#online() || !(await this.#deliver(next))) return;
      }
    } finally {
      this.#busy.delete(roomId);
    }
  }

  /** False when the room must wait before the next try. */
  async #deliver(entry: OutboxEntry): Promise<boolean> {
    try {
      const encrypted = (await this.#client.getCrypto()?.isEncryptionEnabledInRoom(entry.roomId)) ?? false;
      const refusal = encrypted ? this.#refusal() : null;
      if (refusal) throw new CoreError(refusal);
      const content = entry.file ? await this.#upload(entry, entry.file, encrypted) : entry.content;
      if (!this.#wanted(entry.id)) return true;
      this.#show(entry.id, { state: { phase: "sending" } });
      const eventId = await this.#send(entry, content);
      this.#failures = 0;
      this.#show(entry.id, { state: { phase: "sent" }, eventId });
      await this.#table.delete(entry.id).catch(() => undefined);
      return true;
    } catch (error) {
      return this.#failed(entry, error);
    }
  }

  async #failed(entry: OutboxEntry, error: unknown): Promise<boolean> {
    if (!this.#wanted(entry.id) || this.#stopped) return true;
    // A failure of the encryption while the server is away is the network's doing too.
    if (isTransient(error) || !this.#online()) {
      await this.#change(entry.id, { state: { phase: "queued" } });
      const wait = Math.max(toCoreError(error).retryAfterMs, BACKOFF_MS[Math.min(this.#failures, BACKOFF_MS.length - 1)] ?? 0);
      this.#failures += 1;
      this.#retryTimer ??= setTimeout(this.#wake, wait);
      return false;
    }
    const failure = toCoreError(error);
    await this.#change(entry.id, { state: { phase: "failed", reason: failure.kind } });
    return true;
  }

  async #upload(entry: OutboxEntry, file: PendingFile, encrypted: boolean): Promise<MessageContent> {
    const abort = new AbortController();
    this.#uploads.set(entry.id, abort);
    try {
      const uploaded = await uploadedContent(this.#client, file, encrypted, abort, (fraction) =>
        this.#show(entry.id, { state: { phase: "uploading", fraction } }));
      return { ...uploaded, ...entry.content };
    } finally {
      this.#uploads.delete(entry.id);
    }
  }

  async #send(entry: OutboxEntry, content: MessageContent): Promise<string> {
    try {
      const answer = await this.#client.sendEvent(entry.roomId, entry.type as never, content as never, entry.id);
      return answer.event_id;
    } catch (error) {
      this.#forgetSdkEcho(entry);
      throw error;
    }
  }

  /** The SDK keeps its own failed copy, and remembers its transaction id even after a cancel: it would refuse the next try. */
  #forgetSdkEcho(entry: OutboxEntry): void {
    const room = this.#client.getRoom(entry.roomId);
    (room as unknown as { readonly txnToEvent?: Map<string, MatrixEvent> } | null)?.txnToEvent?.delete(entry.id);
    const echo = room?.getPendingEvents().find((event) => event.getTxnId() === entry.id);
    try {
      if (echo) this.#client.cancelPendingEvent(echo);
    } catch {
      // Already gone.
    }
  }
}
