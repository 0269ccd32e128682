// SPDX-License-Identifier: Apache-2.0
/** One conversation over the SDK: its details, its members, and what can be done to it. */
import {
  EventType, type MatrixClient, type MatrixEvent, type Room, RoomEvent, type RoomMember, RoomMemberEvent,
  RoomStateEvent,
} from "matrix-js-sdk";
import { Cell, Disposables, type Observable } from "../port/observable.ts";
import type { InviteTarget } from "../port/invites.ts";
import type { Member, NotificationLevel, Role, RoomDetails, RoomPort } from "../port/rooms.ts";
import { ACCESS_RULES, explainRefusal, guestRule, isGuest, openedRules } from "./access-rules.ts";
import { directWith, markDirect } from "./directs.ts";
import { EmailInvites } from "./email-invites.ts";
import { guarded } from "./errors.ts";
import { person } from "./items.ts";
import { notificationLevel, setNotificationLevel } from "./push-rules.ts";

const GATHER_MS = 30;
/** How long others see "is writing" after one notice, in milliseconds. */
const TYPING_MS = 20_000;
/** Least time between two notices, in milliseconds. */
const TYPING_REPEAT_MS = 8_000;
/** Names in the order of the language; made once, because each use of `localeCompare` makes its own. */
const NAMES = new Intl.Collator();
const POWER: Readonly<Record<Role, number>> = { admin: 100, moderator: 50, member: 0 };

export function roleOf(power: number): Role {
  if (power >= POWER.admin) return "admin";
  return power >= POWER.moderator ? "moderator" : "member";
}

export class MatrixRoom implements RoomPort {
  readonly details: Cell<RoomDetails>;
  readonly #client: MatrixClient;
  readonly #room: Room;
  readonly #undo = new Disposables();
  readonly #mail: EmailInvites;
  readonly #accessRules: () => boolean;
  #membersLoaded = false;
  /** Null when somebody came, left or changed: a thousand members are not sorted because one of them types. */
  #known: readonly Member[] | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #typingSince = 0;

  /** `accessRules`: whether the server keeps guests out of rooms that are not open to them. */
  constructor(client: MatrixClient, room: Room, accessRules: Observable<boolean>) {
    this.#client = client;
    this.#accessRules = accessRules.get;
    this.#room = room;
    this.#mail = new EmailInvites(client, room);
    this.details = new Cell(this.#read());
    const touch = (): void => {
      this.#known = null;
      soon();
    };
    const soon = (): void => { this.#timer ??= setTimeout(this.#refresh, GATHER_MS); };
    const touchMine = (_event: MatrixEvent, member: RoomMember): void => { if (member.roomId === room.roomId) soon(); };
    for (const event of [RoomEvent.Name, RoomEvent.MyMembership, RoomEvent.Tags, RoomEvent.AccountData, RoomStateEvent.Events, RoomStateEvent.Members] as never[]) {
      room.on(event, touch as never);
      this.#undo.add(() => room.off(event, touch as never));
    }
    this.#undo.add(accessRules.subscribe(touch));
    client.on(RoomMemberEvent.Typing, touchMine);
    this.#undo.add(() => client.off(RoomMemberEvent.Typing, touchMine));
  }

  readonly #refresh = (): void => {
    this.#timer = undefined;
    this.details.set(this.#read());
  };

  #read(): RoomDetails {
    const room = this.#room;
    const state = room.currentState;
    const me = this.#client.getSafeUserId();
    const direct = directWith(this.#client, room);
    const partner = direct?.userId ?? null;
    const inviter = room.getMyMembership() === "invite" ? room.getMember(me)?.events.member?.getSender() : undefined;
    const history: unknown = state.getStateEvents(EventType.RoomHistoryVisibility, "")?.getContent()["history_visibility"];
    return {
      id: room.roomId,
      name: direct?.address ?? room.name,
      topic: String(state.getStateEvents(EventType.RoomTopic, "")?.getContent()["topic"] ?? ""),
      avatar: room.getMxcAvatarUrl() ?? (partner ? person(room, partner).avatar : null),
      direct: direct !== null,
      otherUserId: partner,
      encrypted: room.hasEncryptionStateEvent(),
      isPublic: state.getStateEvents(EventType.RoomJoinRules, "")?.getContent()["join_rule"] === "public",
      alias: room.getCanonicalAlias(),
      historyVisibility: typeof history === "string" ? history : "shared",
      membership: room.getMyMembership() as RoomDetails["membership"],
      inviter: inviter ? { id: inviter, name: person(room, inviter).name } : null,
      removedBy: this.#removedBy(me),
      memberCount: room.getJoinedMemberCount(),
      members: this.#known ??= this.#members(),
      membersLoaded: this.#membersLoaded,
      pending: this.#mail.pending(),
      guests: guestRule(room, this.#accessRules()),
      typing: room.getMembers().filter((one) => one.typing && one.userId !== me).map((one) => one.rawDisplayName),
      rights: this.#rights(me),
      favourite: "m.favourite" in room.tags,
      lowPriority: "m.lowpriority" in room.tags,
      notifications: notificationLevel(this.#client, room.roomId),
      myPower: room.getMember(me)?.powerLevel ?? 0,
    };
  }

  #removedBy(me: string): RoomDetails["removedBy"] {
    const event = this.#room.getMember(me)?.events.member;
    const membership = this.#room.getMyMembership();
    const by = event?.getSender();
    if ((membership !== "leave" && membership !== "ban") || !event || !by || by === me) return null;
    const reason: unknown = event.getContent()["reason"];
    return { name: person(this.#room, by).name, reason: typeof reason === "string" ? reason : "" };
  }

  #members(): readonly Member[] {
    return this.#room.getMembers()
      .filter((one) => one.membership === "join" || one.membership === "invite" || one.membership === "ban")
      .map((one): Member => ({
        ...person(this.#room, one.userId),
        membership: one.membership as Member["membership"],
        power: one.powerLevel,
        role: roleOf(one.powerLevel),
        guest: isGuest(one),
      }))
      .sort((a, b) => Math.min(b.power, 100) - Math.min(a.power, 100) || NAMES.compare(a.name, b.name));
  }

  #rights(me: string): RoomDetails["rights"] {
    const state = this.#room.currentState;
    const power = this.#room.getMember(me)?.powerLevel ?? 0;
    const may = (type: EventType): boolean => state.maySendStateEvent(type, me);
    const enough = (action: "kick" | "ban" | "redact"): boolean => state.hasSufficientPowerLevelFor(action, power);
    return {
      send: state.maySendMessage(me),
      invite: this.#room.canInvite(me),
      kick: enough("kick"),
      ban: enough("ban"),
      rename: may(EventType.RoomName),
      topic: may(EventType.RoomTopic),
      avatar: may(EventType.RoomAvatar),
      roles: may(EventType.RoomPowerLevels),
      deleteOthers: enough("redact"),
      open: state.maySendStateEvent(ACCESS_RULES, me),
    };
  }

  async loadMembers(): Promise<void> {
    await guarded(() => this.#room.loadMembersIfNeeded());
    this.#membersLoaded = true;
    this.#known = null;
    this.#refresh();
  }

  async join(): Promise<void> {
    const inviter = this.#room.getDMInviter();
    await guarded(() => this.#client.joinRoom(this.#room.roomId));
    if (inviter) await markDirect(this.#client, this.#room.roomId, inviter).catch(() => undefined);
  }

  async leave(): Promise<void> {
    await guarded(() => this.#client.leave(this.#room.roomId));
  }

  async invite(target: InviteTarget): Promise<void> {
    try {
      if ("address" in target) await this.#mail.send(target.address);
      else await this.#client.invite(this.#room.roomId, target.userId);
    } catch (error) {
      throw explainRefusal(error, guestRule(this.#room, this.#accessRules()));
    }
    this.#refresh();
  }

  async withdraw(token: string): Promise<void> {
    await this.#mail.withdraw(token);
  }

  async openToGuests(): Promise<void> {
    await guarded(() => this.#client.sendStateEvent(this.#room.roomId, ACCESS_RULES as never, openedRules(this.#room) as never, ""));
  }

  async kick(userId: string): Promise<void> {
    await guarded(() => this.#client.kick(this.#room.roomId, userId));
  }

  async ban(userId: string): Promise<void> {
    await guarded(() => this.#client.ban(this.#room.roomId, userId));
  }

  async unban(userId: string): Promise<void> {
    await guarded(() => this.#client.unban(this.#room.roomId, userId));
  }

  async setRole(userId: string, role: Role): Promise<void> {
    await guarded(() => this.#client.setPowerLevel(this.#room.roomId, userId, POWER[role]));
  }

  async rename(name: string): Promise<void> {
    await guarded(() => this.#client.setRoomName(this.#room.roomId, name));
  }

  async setTopic(topic: string): Promise<void> {
    await guarded(() => this.#client.setRoomTopic(this.#room.roomId, topic));
  }

  async setAvatar(file: File): Promise<void> {
    await guarded(async () => {
      const { content_uri: url } = await this.#client.uploadContent(file, { includeFilename: false });
      await this.#client.sendStateEvent(this.#room.roomId, EventType.RoomAvatar, { url }, "");
    });
  }

  async setFavourite(on: boolean): Promise<void> {
    await this.#setTag("m.favourite", on);
  }

  async setLowPriority(on: boolean): Promise<void> {
    await this.#setTag("m.lowpriority", on);
  }

  async #setTag(tag: string, on: boolean): Promise<void> {
    await guarded(async () => {
      if (on) await this.#client.setRoomTag(this.#room.roomId, tag, { order: 0.5 });
      else await this.#client.deleteRoomTag(this.#room.roomId, tag);
    });
  }

  async setNotifications(level: NotificationLevel): Promise<void> {
    await guarded(() => setNotificationLevel(this.#client, this.#room.roomId, level));
    this.#refresh();
  }

  setTyping(on: boolean): void {
    const now = Date.now();
    if (on && now - this.#typingSince < TYPING_REPEAT_MS) return;
    if (!on && this.#typingSince === 0) return;
    this.#typingSince = on ? now : 0;
    void this.#client.sendTyping(this.#room.roomId, on, TYPING_MS).catch(() => undefined);
  }

  async markRead(): Promise<void> {
    const last = this.#room.getLiveTimeline().getEvents().at(-1);
    const id = last?.getId();
    if (!last || !id) return;
    await guarded(async () => {
      await this.#client.setRoomReadMarkers(this.#room.roomId, id, last);
      await this.#setMarkedUnread(false);
    });
  }

  async markUnread(): Promise<void> {
    await guarded(() => this.#setMarkedUnread(true));
  }

  async #setMarkedUnread(unread: boolean): Promise<void> {
    const current = this.#room.getAccountData("m.marked_unread")?.getContent()["unread"] === true;
    if (current !== unread) await this.#client.setRoomAccountData(this.#room.roomId, "m.marked_unread" as never, { unread } as never);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.setTyping(false);
    this.#undo.dispose();
  }
}
