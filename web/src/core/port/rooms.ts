// SPDX-License-Identifier: Apache-2.0
/** Conversations as a list shows them, and what can be done to one. */
import type { InviteTarget, PendingInvite } from "./invites.ts";
import type { Observable } from "./observable.ts";
import type { FailureKind } from "./session.ts";

export type NotificationLevel = "all" | "mentions" | "mute";

/** What the last message was, without any wording. */
export interface Preview {
  readonly senderName: string;
  readonly mine: boolean;
  readonly kind: "text" | "image" | "video" | "audio" | "file" | "undecryptable" | "deleted";
  readonly text: string;
}

export interface RoomSummary {
  readonly id: string;
  readonly name: string;
  readonly alias: string | null;
  readonly direct: boolean;
  /** The correspondent of a direct conversation. */
  readonly otherUserId: string | null;
  readonly avatar: string | null;
  readonly membership: "join" | "invite";
  /** For an invitation: who invites. */
  readonly inviter: { readonly id: string; readonly name: string } | null;
  readonly encrypted: boolean;
  readonly isPublic: boolean;
  /** People from outside the administration are in it, or can be asked into it. */
  readonly externals: boolean;
  readonly unread: number;
  readonly mentions: number;
  readonly markedUnread: boolean;
  readonly favourite: boolean;
  readonly lowPriority: boolean;
  readonly notifications: NotificationLevel;
  /** Milliseconds since 1970 of the last activity worth sorting by. */
  readonly lastActivity: number;
  readonly preview: Preview | null;
  readonly memberCount: number;
}

export type Role = "admin" | "moderator" | "member";

export interface Member {
  readonly id: string;
  readonly name: string;
  readonly avatar: string | null;
  readonly membership: "join" | "invite" | "ban";
  readonly power: number;
  readonly role: Role;
  /** Comes from outside the administration. */
  readonly guest: boolean;
}

/** What the signed-in person may do in a room now. */
export interface RoomRights {
  readonly send: boolean;
  readonly invite: boolean;
  readonly kick: boolean;
  readonly ban: boolean;
  readonly rename: boolean;
  readonly topic: boolean;
  readonly avatar: boolean;
  readonly roles: boolean;
  readonly deleteOthers: boolean;
  /** To open the room to guests. */
  readonly open: boolean;
}

/**
 * Whether guests, people from outside the administration, can be in a room. `open` cannot be taken
 * back; `free` is a server that does not tell guests from others.
 */
export type GuestRule = "closed" | "open" | "free";

export interface RoomDetails {
  readonly id: string;
  readonly name: string;
  readonly topic: string;
  readonly avatar: string | null;
  readonly direct: boolean;
  readonly otherUserId: string | null;
  readonly encrypted: boolean;
  readonly isPublic: boolean;
  readonly alias: string | null;
  readonly historyVisibility: string;
  readonly membership: "join" | "invite" | "leave" | "ban";
  readonly inviter: { readonly id: string; readonly name: string } | null;
  /** Who took this person out of the room, and why; null for those who are in it or left themselves. */
  readonly removedBy: { readonly name: string; readonly reason: string } | null;
  readonly memberCount: number;
  readonly members: readonly Member[];
  readonly membersLoaded: boolean;
  /** Invitations by mail that nobody has used yet. */
  readonly pending: readonly PendingInvite[];
  readonly guests: GuestRule;
  readonly typing: readonly string[];
  readonly rights: RoomRights;
  readonly favourite: boolean;
  readonly lowPriority: boolean;
  readonly notifications: NotificationLevel;
  readonly myPower: number;
}

/** A conversation to create, in the words of the creation screen. */
export type RoomKind = "secure" | "public";

export interface NewRoom {
  readonly kind: RoomKind;
  /** Open to guests; only where the server tells them from others. */
  readonly guests: boolean;
  readonly name: string;
  readonly topic: string;
  readonly invite: readonly InviteTarget[];
}

/** A room that was made, and who could not be invited. */
export interface CreatedRoom {
  readonly id: string;
  readonly refused: readonly { readonly target: InviteTarget; readonly failure: FailureKind }[];
}

export interface RoomPort {
  readonly details: Observable<RoomDetails>;
  loadMembers(): Promise<void>;
  join(): Promise<void>;
  leave(): Promise<void>;
  invite(target: InviteTarget): Promise<void>;
  /** Takes back an invitation by mail. */
  withdraw(token: string): Promise<void>;
  /** Lets guests in, for good. */
  openToGuests(): Promise<void>;
  kick(userId: string): Promise<void>;
  ban(userId: string): Promise<void>;
  unban(userId: string): Promise<void>;
  setRole(userId: string, role: Role): Promise<void>;
  rename(name: string): Promise<void>;
  setTopic(topic: string): Promise<void>;
  setAvatar(file: File): Promise<void>;
  setFavourite(on: boolean): Promise<void>;
  setLowPriority(on: boolean): Promise<void>;
  setNotifications(level: NotificationLevel): Promise<void>;
  setTyping(on: boolean): void;
  markRead(): Promise<void>;
  markUnread(): Promise<void>;
  dispose(): void;
}

export interface RoomListPort {
  /** Every joined or offered room, most recent activity first. */
  readonly summaries: Observable<readonly RoomSummary[]>;
  create(room: NewRoom): Promise<CreatedRoom>;
  /** The direct conversation with that person; an existing one is reused. */
  createDirect(target: InviteTarget): Promise<string>;
  joinByAddress(address: string): Promise<string>;
}
