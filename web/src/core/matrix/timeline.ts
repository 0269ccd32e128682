// SPDX-License-Identifier: Apache-2.0
/**
 * A conversation's timeline over the SDK: a window of events, the waiting messages of the outbox
 * and who has read what, delivered as items whose identity changes only when their content does.
 */
import {
  Direction, EventType, type IRoomTimelineData, type MatrixClient, MatrixEvent, MatrixEventEvent,
  RelationType, type Room, RoomEvent, RoomMemberEvent, TimelineWindow,
} from "matrix-js-sdk";
import { CryptoEvent, EventShieldColour } from "matrix-js-sdk/lib/crypto-api";
import { Cell, Disposables } from "../port/observable.ts";
import type {
  Mention, OutgoingFile, OutgoingText, Shield, TimelineItem, TimelinePort, TimelineState,
} from "../port/timeline.ts";
import { asEdit, asReply, mentionsOf, textContent } from "../content/outgoing.ts";
import { messageContent } from "../content/message.ts";
import { guarded } from "./errors.ts";
import { baseItem, myReaction, person } from "./items.ts";
import type { Outbox, OutboxEntry } from "./outbox.ts";
import { LocalPictures, pictureSize } from "./local-pictures.ts";
import { Quotes } from "./quotes.ts";
import { anchorOf, readersByEvent, sameReaders } from "./readers.ts";

/** Events loaded at opening and per page. */
const PAGE = 40;
/** Events kept in one window. */
const WINDOW_LIMIT = 3_000;
/** Delay that gathers a burst of changes into one update, in milliseconds. */
const GATHER_MS = 15;

export class MatrixTimeline implements TimelinePort {
  readonly state: Cell<TimelineState>;
  readonly #client: MatrixClient;
  readonly #room: Room;
  readonly #outbox: Outbox;
  readonly #quotes: Quotes;
  readonly #pictures = new LocalPictures();
  readonly #undo = new Disposables();
  readonly #items = new Map<string, TimelineItem>();
  readonly #shields = new Map<string, Shield | null>();
  #window: TimelineWindow;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #loading = true;
  #markerId: string | null;
  #generation = 0;

  constructor(client: MatrixClient, room: Room, outbox: Outbox) {
    this.#client = client;
    this.#room = room;
    this.#outbox = outbox;
    this.#quotes = new Quotes(client, room, (eventId) => this.#invalidate(eventId));
    this.#window = this.#newWindow();
    this.#markerId = this.#marker();
    this.state = new Cell<TimelineState>({
      items: [], atStart: false, atEnd: true, loading: true,
      readMarker: null, markerBefore: false,
    });
    this.#listen();
    void this.#load();
  }

  #marker(): string | null {
    const marker: unknown = this.#room.getAccountData(EventType.FullyRead)?.getContent()["event_id"];
    return typeof marker === "string" ? marker : null;
  }

  /** The person comes back to a conversation kept warm: what is new starts from here. */
  reopened(): void {
    this.#markerId = this.#marker();
    this.#refresh();
  }

  #newWindow(): TimelineWindow {
    return new TimelineWindow(this.#client, this.#room.getUnfilteredTimelineSet(), { windowLimit: WINDOW_LIMIT });
  }

  #listen(): void {
    const room = this.#room;
    const on = (emitter: { on: Function; off: Function }, event: string, handler: (...args: never[]) => void): void => {
      emitter.on(event, handler);
      this.#undo.add(() => emitter.off(event, handler));
    };
    on(room, RoomEvent.Timeline, this.#onTimeline);
    on(room, RoomEvent.TimelineReset, () => { this.#items.clear(); void this.#load(); });
    on(room, RoomEvent.Redaction, this.#onRedaction);
    on(room, RoomEvent.Receipt, () => this.#schedule());
    on(room, RoomEvent.LocalEchoUpdated, () => this.#schedule());
    on(room, RoomEvent.MyMembership, () => this.#invalidateAll());
    on(this.#client, MatrixEventEvent.Decrypted, (event: MatrixEvent) => this.#onDecrypted(event));
    on(this.#client, MatrixEventEvent.Replaced, (event: MatrixEvent) => this.#invalidateIn(event));
    on(this.#client, RoomMemberEvent.Name, (_event: MatrixEvent, member: { roomId: string }) => {
      if (member.roomId === room.roomId) this.#invalidateAll();
    });
    on(this.#client, CryptoEvent.UserTrustStatusChanged, () => { this.#shields.clear(); this.#invalidateAll(); });
    this.#undo.add(this.#outbox.entries.subscribe(() => this.#schedule()));
  }

  async #load(eventId?: string): Promise<boolean> {
    const generation = ++this.#generation;
    const window = this.#newWindow();
    this.#loading = true;
    try {
      await window.load(eventId, PAGE);
      if (generation !== this.#generation) return false;
      this.#window = window;
      return true;
    } catch {
      return false;
    } finally {
      if (generation === this.#generation) {
        this.#loading = false;
        this.#refresh();
      }
    }
  }

  readonly #onTimeline = (
    event: MatrixEvent, _room: Room | undefined, toStart: boolean | undefined, _removed: boolean, data: IRoomTimelineData,
  ): void => {
    this.#invalidateTarget(event);
    if (!toStart && data.liveEvent) {
      // Extends the window only when it already reaches the newest event.
      void this.#window.paginate(Direction.Forward, 1, false).finally(() => this.#schedule());
    }
    this.#schedule();
  };

  readonly #onRedaction = (event: MatrixEvent): void => {
    // A redacted reaction no longer says what it was about: every item with reactions is made anew.
    for (const [id, item] of this.#items) if (item.reactions.length > 0) this.#items.delete(id);
    this.#invalidate(event.getAssociatedId());
  };

  #onDecrypted(event: MatrixEvent): void {
    if (event.getRoomId() !== this.#room.roomId) return;
    this.#invalidateTarget(event);
    this.#invalidate(event.getId());
  }

  #invalidateIn(event: MatrixEvent): void {
    if (event.getRoomId() === this.#room.roomId) this.#invalidate(event.getId());
  }

  #invalidateTarget(event: MatrixEvent): void {
    const relation = event.getRelation();
    if (relation?.event_id) this.#invalidate(relation.event_id);
  }

  #invalidate(eventId: string | undefined): void {
    if (eventId) this.#items.delete(eventId);
    this.#schedule();
  }

  #invalidateAll(): void {
    this.#items.clear();
    this.#schedule();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => this.#refresh(), GATHER_MS);
  }

  #refresh(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const atEnd = !this.#window.canPaginate(Direction.Forward);
    const events = this.#window.getEvents();
    const items = this.#withReaders(events, this.#eventItems(events));
    const anchors = anchorOf(events.map((event) => event.getId() ?? ""), new Set(items.map((item) => item.eventId ?? "")));
    const readMarker = this.#markerId ? anchors.get(this.#markerId) ?? null : null;
    const atStart = !this.#loading && !this.#window.canPaginate(Direction.Backward);
    this.state.set({
      readMarker,
      // Nothing of one's own is in sight either: having written is having read.
      markerBefore: this.#markerId !== null && readMarker === null && atEnd && !atStart && !this.#loading && !items.some((item) => item.mine),
      items: atEnd ? this.#withOutbox(items, events) : items,
      atStart,
      atEnd,
      loading: this.#loading,
    });
  }

  #eventItems(events: readonly MatrixEvent[]): TimelineItem[] {
    const items: TimelineItem[] = [];
    for (const event of events) {
      const id = event.getId() ?? "";
      let item = this.#items.get(id);
      if (!item) {
        if (event.isEncrypted() && event.shouldAttemptDecryption()) void this.#client.decryptEventIfNeeded(event);
        const made = this.#makeItem(event);
        if (!made) continue;
        item = made;
        this.#items.set(id, item);
      }
      items.push(item);
    }
    return items;
  }

  #makeItem(event: MatrixEvent): TimelineItem | null {
    const base = baseItem(this.#client, this.#room, event);
    if (!base) return null;
    const replyId = event.replyEventId;
    return {
      ...base,
      reply: replyId && base.content.kind !== "deleted" ? this.#quotes.quote(replyId, base.eventId ?? "") : null,
      shield: base.shield ?? this.#shield(event),
    };
  }

  #shield(event: MatrixEvent): Shield | null {
    const id = event.getId();
    if (!id || !event.isEncrypted() || event.isDecryptionFailure() || event.getSender() === this.#client.getUserId()) return null;
    const known = this.#shields.get(id);
    if (known !== undefined) return known;
    this.#shields.set(id, null);
    void this.#client.getCrypto()?.getEncryptionInfoForEvent(event).then((info) => {
      // Grey means "received by a road that cannot be proven" (backup, import): not worth alarming.
      if (info?.shieldColour !== EventShieldColour.RED) return;
      this.#shields.set(id, "unverifiedDevice");
      this.#invalidate(id);
    });
    return null;
  }

  #withReaders(events: readonly MatrixEvent[], items: TimelineItem[]): TimelineItem[] {
    const readers = readersByEvent(this.#room, events, new Set(items.map((item) => item.eventId ?? "")), this.#client.getSafeUserId());
    return items.map((item) => {
      const now = readers.get(item.eventId ?? "") ?? [];
      if (sameReaders(item.readers, now)) return item;
      const changed = { ...item, readers: now };
      this.#items.set(item.eventId ?? "", changed);
      return changed;
    });
  }

  #withOutbox(items: readonly TimelineItem[], events: readonly MatrixEvent[]): readonly TimelineItem[] {
    const entries = this.#outbox.entries.get().filter((one) => one.roomId === this.#room.roomId);
    this.#pictures.keep(entries);
    if (entries.length === 0) return items;
    const shown = new Set(events.flatMap((event) => [event.getId(), event.getTxnId(), event.getUnsigned().transaction_id]));
    const waiting = entries.filter((one) => !shown.has(one.id) && !(one.eventId && shown.has(one.eventId)));
    for (const entry of entries) {
      if (!waiting.includes(entry)) queueMicrotask(() => this.#outbox.confirm(entry.id));
    }
    const edits = new Map(waiting.flatMap((one) => {
      const target = replacedBy(one);
      return target ? [[target, one] as const] : [];
    }));
    const overlaid = items.map((item) => {
      const edit = edits.get(item.eventId ?? "");
      if (!edit) return item;
      return { ...item, content: messageContent(EventType.RoomMessage, edit.content["m.new_content"] as never), edited: true, send: edit.state };
    });
    return [...overlaid, ...waiting.filter((one) => !replacedBy(one)).map((one) => this.#localItem(one))];
  }

  #localItem(entry: OutboxEntry): TimelineItem {
    const me = this.#client.getSafeUserId();
    const reply = (entry.content["m.relates_to"] as { "m.in_reply_to"?: { event_id?: string } } | undefined)?.["m.in_reply_to"]?.event_id;
    return {
      id: entry.id, eventId: entry.eventId, sender: person(this.#room, me), mine: true, at: entry.at,
      content: entry.file
        ? this.#pictures.content({ ...entry, file: entry.file })
        : messageContent(entry.type, entry.content),
      edited: false, mentionsMe: false,
      reply: reply ? this.#quotes.quote(reply, entry.id) : null,
      reactions: [], readers: [], send: entry.state, shield: null,
      canEdit: entry.eventId !== null && entry.file === null, canDelete: entry.eventId !== null,
    };
  }

  async paginate(direction: "back" | "forward"): Promise<void> {
    const way = direction === "back" ? Direction.Backward : Direction.Forward;
    if (this.#loading || !this.#window.canPaginate(way)) return;
    const generation = this.#generation;
    await guarded(() => this.#window.paginate(way, PAGE));
    if (generation === this.#generation) this.#refresh();
  }

  focus(eventId: string): Promise<boolean> {
    if (this.#window.getEvents().some((event) => event.getId() === eventId)) return Promise.resolve(true);
    return this.#load(eventId);
  }

  focusMarker(): Promise<boolean> {
    return this.#markerId === null ? Promise.resolve(false) : this.focus(this.#markerId);
  }

  async jumpToLive(): Promise<void> {
    if (this.#window.canPaginate(Direction.Forward)) await this.#load();
  }

  async sendText(message: OutgoingText): Promise<void> {
    let content = await textContent(message);
    if (message.edits) content = asEdit(content, message.edits);
    else if (message.replyTo) content = asReply(content, message.replyTo);
    await this.#outbox.add({ roomId: this.#room.roomId, type: EventType.RoomMessage, content, file: null });
  }

  async sendFile({ file, caption, replyTo }: OutgoingFile): Promise<void> {
    const content = replyTo ? asReply({}, replyTo) : {};
    const picture = await pictureSize(file);
    const pending = { blob: file, name: file.name || "fichier", mime: file.type || "application/octet-stream", caption, ...(picture ? { picture } : {}) };
    await this.#outbox.add({ roomId: this.#room.roomId, type: EventType.RoomMessage, content, file: pending });
  }

  retry(itemId: string): Promise<void> {
    return this.#outbox.retry(this.#entryFor(itemId));
  }

  cancel(itemId: string): Promise<void> {
    return this.#outbox.cancel(this.#entryFor(itemId));
  }

  /** A pending edit is shown on the message it replaces, under that message's id. */
  #entryFor(itemId: string): string {
    const target = this.state.get().items.find((item) => item.id === itemId)?.eventId;
    const edit = this.#outbox.entries.get().find((one) => target && replacedBy(one) === target);
    return edit?.id ?? itemId;
  }

  async react(eventId: string, key: string): Promise<void> {
    await guarded(async () => {
      const existing = myReaction(this.#room, eventId, key, this.#client.getSafeUserId());
      const existingId = existing?.getId();
      if (existingId) await this.#client.redactEvent(this.#room.roomId, existingId);
      else {
        await this.#client.sendEvent(this.#room.roomId, EventType.Reaction, {
          "m.relates_to": { rel_type: RelationType.Annotation, event_id: eventId, key },
        });
      }
    });
    this.#invalidate(eventId);
  }

  async remove(eventId: string, reason: string): Promise<void> {
    await guarded(() => this.#client.redactEvent(this.#room.roomId, eventId, undefined, reason ? { reason } : undefined));
  }

  source(eventId: string): string {
    const waiting = this.#outbox.entries.get().find((one) => one.eventId === eventId);
    const body: unknown = (this.#room.findEventById(eventId)?.getContent() ?? waiting?.content)?.["body"];
    return typeof body === "string" ? body : "";
  }

  mentions(eventId: string): readonly Mention[] {
    const waiting = this.#outbox.entries.get().find((one) => one.eventId === eventId);
    return mentionsOf(this.#room.findEventById(eventId)?.getContent() ?? waiting?.content ?? {});
  }

  async markReadUpTo(eventId: string): Promise<void> {
    const event = this.#room.findEventById(eventId);
    if (!event || this.#room.getMyMembership() !== "join") return;
    await guarded(async () => {
      await this.#client.setRoomReadMarkers(this.#room.roomId, eventId, event);
    }).catch(() => undefined);
  }

  permalink(eventId: string): string {
    return `${window.location.origin}/#/salon/${encodeURIComponent(this.#room.roomId)}/${encodeURIComponent(eventId)}`;
  }

  dispose(): void {
    this.#generation += 1;
    clearTimeout(this.#timer);
    this.#pictures.keep([]);
    this.#undo.dispose();
  }
}

function replacedBy(entry: OutboxEntry): string | null {
  const relation = entry.content["m.relates_to"] as { rel_type?: string; event_id?: string } | undefined;
  return relation?.rel_type === RelationType.Replace ? relation.event_id ?? null : null;
}

