// SPDX-License-Identifier: Apache-2.0
/** The list of conversations over the SDK: one summary per room, remade only when it changed. */
import {
  ClientEvent, EventType, type MatrixClient, type MatrixEvent, MatrixEventEvent,
  NotificationCountType, type Room, RoomEvent, type RoomMember, RoomMemberEvent, RoomStateEvent,
} from "matrix-js-sdk";
import { unreadState } from "../content/unread.ts";
import { Cell, Disposables } from "../port/observable.ts";
import type { InviteTarget } from "../port/invites.ts";
import type { CreatedRoom, NewRoom, Preview, RoomListPort, RoomSummary } from "../port/rooms.ts";
import { summaryOf } from "../port/plain-text.ts";
import { guestRule, hasGuests, isGuest } from "./access-rules.ts";
import { createDirect, createRoom } from "./creation.ts";
import { directWith, settleDirect } from "./directs.ts";
import { guarded } from "./errors.ts";
import { contentOf, person, placeOf } from "./items.ts";
import { notificationLevel } from "./push-rules.ts";

/** Delay that gathers a burst of changes into one update, in milliseconds. */
const GATHER_MS = 30;
/** Events looked at, from the newest, to find one worth showing. */
const PREVIEW_DEPTH = 30;

export class RoomList implements RoomListPort {
  readonly summaries = new Cell<readonly RoomSummary[]>([]);
  readonly #client: MatrixClient;
  readonly #undo = new Disposables();
  readonly #cache = new Map<string, RoomSummary>();
  readonly #dirty = new Set<string>();
  /** Whether guests are in a room, until its members change: a thousand of them are not looked through for each message. */
  readonly #guests = new Map<string, boolean>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: MatrixClient) {
    this.#client = client;
    this.#listen();
  }

  #listen(): void {
    const on = (event: string, roomOf: (...args: never[]) => string | undefined): void => {
      const handler = (...args: never[]): void => {
        const roomId = roomOf(...args);
        if (roomId) this.#touch(roomId);
      };
      this.#client.on(event as never, handler as never);
      this.#undo.add(() => this.#client.off(event as never, handler as never));
    };
    on(ClientEvent.Room, (room: Room) => room.roomId);
    on(ClientEvent.DeleteRoom, (roomId: string) => roomId);
    on(RoomEvent.Timeline, (_event: MatrixEvent, room: Room | undefined) => room?.roomId);
    on(RoomEvent.Receipt, (_event: MatrixEvent, room: Room) => room.roomId);
    on(RoomEvent.Name, (room: Room) => room.roomId);
    on(RoomEvent.Tags, (_event: MatrixEvent, room: Room) => room.roomId);
    on(RoomEvent.AccountData, (_event: MatrixEvent, room: Room) => room.roomId);
    on(RoomEvent.MyMembership, (room: Room) => room.roomId);
    on(RoomEvent.Redaction, (_event: MatrixEvent, room: Room) => room.roomId);
    const arrived = (event: MatrixEvent, member: RoomMember): void => {
      const room = member.membership === "join" && event.getSender() !== this.#client.getUserId() ? this.#client.getRoom(member.roomId) : null;
      if (room) void settleDirect(this.#client, room).catch(() => undefined);
    };
    this.#client.on(RoomMemberEvent.Membership, arrived);
    this.#undo.add(() => this.#client.off(RoomMemberEvent.Membership, arrived));
    on(RoomStateEvent.Members, (event: MatrixEvent) => { this.#guests.delete(event.getRoomId() ?? ""); return event.getRoomId(); });
    on(RoomStateEvent.Events, (event: MatrixEvent) => event.getRoomId());
    on(MatrixEventEvent.Decrypted, (event: MatrixEvent) => event.getRoomId());
    const all = (event: MatrixEvent): void => {
      if (event.getType() === EventType.Direct || event.getType() === EventType.PushRules) this.touchAll();
    };
    this.#client.on(ClientEvent.AccountData, all);
    this.#undo.add(() => this.#client.off(ClientEvent.AccountData, all));
  }

  touchAll(): void {
    for (const room of this.#client.getRooms()) this.#touch(room.roomId);
  }

  #touch(roomId: string): void {
    this.#dirty.add(roomId);
    this.#timer ??= setTimeout(() => this.#refresh(), GATHER_MS);
  }

  #refresh(): void {
    this.#timer = undefined;
    for (const roomId of this.#dirty) {
      const room = this.#client.getRoom(roomId);
      const summary = room ? this.#summarise(room) : null;
      if (summary) this.#cache.set(roomId, summary);
      else {
        this.#cache.delete(roomId);
        this.#guests.delete(roomId);
      }
    }
    this.#dirty.clear();
    this.summaries.set([...this.#cache.values()].sort((a, b) => b.lastActivity - a.lastActivity));
  }

  #summarise(room: Room): RoomSummary | null {
    const membership = room.getMyMembership();
    if (membership !== "join" && membership !== "invite") return null;
    if (room.currentState.getStateEvents(EventType.RoomTombstone, "") && room.findPredecessor() === null
      && this.#replacedByJoined(room)) return null;
    const me = this.#client.getSafeUserId();
    const direct = directWith(this.#client, room);
    const partner = direct?.userId ?? null;
    const last = this.#lastShown(room);
    const counts = this.#unread(room);
    const joinRule = room.currentState.getStateEvents(EventType.RoomJoinRules, "")?.getContent()["join_rule"];
    return {
      id: room.roomId,
      name: direct?.address ?? room.name,
      alias: room.getCanonicalAlias(),
      direct: direct !== null,
      otherUserId: partner,
      avatar: room.getMxcAvatarUrl() ?? (partner ? person(room, partner).avatar : null),
      membership,
      inviter: membership === "invite" ? this.#inviter(room, me) : null,
      encrypted: room.hasEncryptionStateEvent(),
      isPublic: joinRule === "public",
      externals: this.#externals(room, direct !== null, partner),
      ...counts,
      favourite: "m.favourite" in room.tags,
      lowPriority: "m.lowpriority" in room.tags,
      notifications: notificationLevel(this.#client, room.roomId),
      lastActivity: this.#activity(room, last),
      preview: last ? this.#preview(room, last, me) : null,
      memberCount: room.getJoinedMemberCount(),
    };
  }

  /** In a direct conversation the other one tells; elsewhere anybody, and the rule of the room. */
  #externals(room: Room, direct: boolean, partner: string | null): boolean {
    if (direct) {
      const other = partner === null ? null : room.getMember(partner);
      return other !== null && isGuest(other);
    }
    if (guestRule(room, false) === "open") return true;
    let present = this.#guests.get(room.roomId);
    if (present === undefined) {
      present = hasGuests(room);
      this.#guests.set(room.roomId, present);
    }
    return present;
  }

  #replacedByJoined(room: Room): boolean {
    const next: unknown = room.currentState.getStateEvents(EventType.RoomTombstone, "")?.getContent()["replacement_room"];
    return typeof next === "string" && this.#client.getRoom(next)?.getMyMembership() === "join";
  }

  #inviter(room: Room, me: string): RoomSummary["inviter"] {
    const sender = room.getMember(me)?.events.member?.getSender();
    return sender ? { id: sender, name: person(room, sender).name } : null;
  }

  #lastShown(room: Room): MatrixEvent | null {
    const events = room.getLiveTimeline().getEvents();
    for (let index = events.length - 1; index >= Math.max(0, events.length - PREVIEW_DEPTH); index -= 1) {
      const event = events[index];
      if (!event || event.isState()) continue;
      if (event.isEncrypted() && event.shouldAttemptDecryption()) void this.#client.decryptEventIfNeeded(event);
      if (placeOf(event)) return event;
    }
    return null;
  }

  #activity(room: Room, last: MatrixEvent | null): number {
    if (last) return last.getTs();
    const me = this.#client.getSafeUserId();
    const membership = room.getMember(me)?.events.member?.getTs();
    return membership ?? room.currentState.getStateEvents(EventType.RoomCreate, "")?.getTs() ?? 0;
  }

  #preview(room: Room, event: MatrixEvent, me: string): Preview | null {
    const content = contentOf(event);
    if (!content || content.kind === "state") return null;
    const sender = event.getSender() ?? "";
    const kind = content.kind === "unreadable" ? "undecryptable" : content.kind === "unsupported" ? "text" : content.kind;
    return { senderName: person(room, sender).name, mine: sender === me, kind, text: summaryOf(content) };
  }

  #unread(room: Room): Pick<RoomSummary, "unread" | "mentions" | "markedUnread"> {
    const me = this.#client.getSafeUserId();
    const marked = room.getAccountData("m.marked_unread")?.getContent()["unread"] === true;
    if (room.getMyMembership() === "invite") return { unread: 0, mentions: 0, markedUnread: false };
    const serverUnread = room.getUnreadNotificationCount(NotificationCountType.Total);
    // Most conversations have nothing new: their messages need not be looked at.
    const events = serverUnread > 0 ? room.getLiveTimeline().getEvents() : [];
    return unreadState({
      serverUnread,
      serverMentions: room.getUnreadNotificationCount(NotificationCountType.Highlight),
      markedUnread: marked,
      events: events.slice(-200).map((event) => ({
        id: event.getId() ?? "", mine: event.getSender() === me, counts: !event.isState() && placeOf(event) !== null,
      })),
      readUpTo: room.getEventReadUpTo(me),
    });
  }

  create(request: NewRoom): Promise<CreatedRoom> {
    return createRoom(this.#client, request);
  }

  createDirect(target: InviteTarget): Promise<string> {
    return createDirect(this.#client, target);
  }

  joinByAddress(address: string): Promise<string> {
    return guarded(async () => (await this.#client.joinRoom(address)).roomId);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#undo.dispose();
  }
}
