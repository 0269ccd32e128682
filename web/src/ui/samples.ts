// SPDX-License-Identifier: Apache-2.0
/** Made-up people, rooms and messages for the stories. */
import type { ItemContent } from "../core/port/content.ts";
import type { RoomDetails, RoomSummary } from "../core/port/rooms.ts";
import type { TimelineItem } from "../core/port/timeline.ts";

export const NOW = Date.UTC(2026, 10, 24, 10, 30);
export const CAMILLE = { id: "@camille.durand:gouv.fr", name: "Camille Durand", avatar: null };
export const JEAN = { id: "@jean.martin:gouv.fr", name: "Jean Martin", avatar: null };

/** An object whose every method does nothing: the actions of a view in a story. */
export const idle = <T extends object>(): T => new Proxy({} as T, { get: () => () => undefined });
export const nothing = (): void => undefined;

export const text = (body: string): ItemContent => ({ kind: "text", style: "plain", body, rich: [body], bigEmoji: false });

export function message(id: string, content: ItemContent, change: Partial<TimelineItem> = {}): TimelineItem {
  return {
    id, eventId: `$${id}`, sender: JEAN, mine: false, at: NOW - 60_000, content, edited: false, mentionsMe: false, reply: null,
    reactions: [], readers: [], send: null, shield: null, canEdit: false, canDelete: false, ...change,
  };
}

export function summary(id: string, name: string, change: Partial<RoomSummary> = {}): RoomSummary {
  return {
    id, name, alias: null, direct: false, otherUserId: null, avatar: null, membership: "join", inviter: null, encrypted: true, isPublic: false, externals: false,
    unread: 0, mentions: 0, markedUnread: false, favourite: false, lowPriority: false, notifications: "all", lastActivity: NOW - 3_600_000,
    preview: { senderName: "Jean Martin", mine: false, kind: "text", text: "À demain" }, memberCount: 4, ...change,
  };
}

export const DETAILS: RoomDetails = {
  id: "!salon:gouv.fr", name: "Cellule de crise", topic: "Échanges de l’équipe", avatar: null, direct: false, otherUserId: null, encrypted: true,
  isPublic: false, alias: "#crise:gouv.fr", historyVisibility: "invited", membership: "join", inviter: null, removedBy: null, memberCount: 2,
  members: [
    { ...CAMILLE, membership: "join", power: 100, role: "admin", guest: false },
    { ...JEAN, membership: "join", power: 0, role: "member", guest: false },
  ],
  membersLoaded: true, pending: [], guests: "closed", typing: [],
  rights: { send: true, invite: true, kick: true, ban: true, rename: true, topic: true, avatar: true, roles: true, deleteOthers: true, open: true },
  favourite: false, lowPriority: false, notifications: "all", myPower: 100,
};
