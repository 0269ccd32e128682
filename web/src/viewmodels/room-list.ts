// SPDX-License-Identifier: Apache-2.0
/** The list of conversations: filters, search, sections. */
import type { Core } from "../core/port/core.ts";
import type { RoomSummary } from "../core/port/rooms.ts";
import { ViewModel, type KeyValue } from "./base.ts";
import { score } from "./search.ts";

export type RoomFilter = "all" | "unread" | "people" | "groups" | "favourites";
export type SectionKind = "invitations" | "favourites" | "main" | "lowPriority";

export interface RoomSection {
  readonly kind: SectionKind;
  readonly rooms: readonly RoomSummary[];
}

export interface RoomListSnapshot {
  readonly ready: boolean;
  readonly offline: boolean;
  readonly filter: RoomFilter;
  readonly query: string;
  readonly sections: readonly RoomSection[];
  readonly selected: string | null;
  readonly total: number;
  readonly unreadRooms: number;
  readonly mentions: number;
  readonly drafts: ReadonlySet<string>;
}

export const isUnread = (room: RoomSummary): boolean =>
  room.membership === "invite" || room.unread > 0 || room.mentions > 0 || room.markedUnread;

const FILTERS: Readonly<Record<RoomFilter, (room: RoomSummary) => boolean>> = {
  all: () => true,
  unread: isUnread,
  people: (room) => room.direct,
  groups: (room) => !room.direct,
  favourites: (room) => room.favourite,
};

/** Pure: what the list shows for given rooms, filter and search. A search looks everywhere. */
export function sectionsOf(rooms: readonly RoomSummary[], filter: RoomFilter, query: string): readonly RoomSection[] {
  if (query.trim() !== "") {
    const found = rooms
      .map((room) => ({ room, points: score(room.name, query) }))
      .filter(({ points }) => points > 0)
      .sort((a, b) => b.points - a.points || b.room.lastActivity - a.room.lastActivity)
      .map(({ room }) => room);
    return found.length > 0 ? [{ kind: "main", rooms: found }] : [];
  }
  const kept = rooms.filter(FILTERS[filter]);
  const kindOf = (room: RoomSummary): SectionKind => {
    if (room.membership === "invite") return "invitations";
    if (room.favourite && filter !== "favourites") return "favourites";
    return room.lowPriority ? "lowPriority" : "main";
  };
  const kinds: readonly SectionKind[] = ["invitations", "favourites", "main", "lowPriority"];
  return kinds
    .map((kind) => ({ kind, rooms: kept.filter((room) => kindOf(room) === kind) }))
    .filter((section) => section.rooms.length > 0);
}

export class RoomListViewModel extends ViewModel<RoomListSnapshot> {
  readonly #core: Core;
  readonly #memory: KeyValue;

  constructor(core: Core, memory: KeyValue) {
    super({
      ready: false, offline: false, filter: "all", query: "", sections: [], selected: null, total: 0, unreadRooms: 0,
      mentions: 0, drafts: new Set(),
    });
    this.#core = core;
    this.#memory = memory;
    this.follow(core.rooms.summaries, () => this.#show());
    this.follow(core.connection, () => this.#show());
  }

  setFilter = (filter: RoomFilter): void => { this.merge({ filter }); this.#show(); };

  setQuery = (query: string): void => { this.merge({ query }); this.#show(); };

  select = (roomId: string | null): void => { this.merge({ selected: roomId }); this.#show(); };

  /** The room `step` places away from the selected one in reading order. */
  neighbour = (step: 1 | -1, unreadOnly = false): string | null => {
    const { sections, selected } = this.get();
    const rooms = sections.flatMap((section) => section.rooms).filter((room) => !unreadOnly || isUnread(room) || room.id === selected);
    const at = rooms.findIndex((room) => room.id === selected);
    const next = at < 0 ? (step === 1 ? 0 : rooms.length - 1) : at + step;
    return rooms[next]?.id ?? null;
  };

  markRead = (roomId: string): Promise<void> => this.#with(roomId, (room) => room.markRead());
  markUnread = (roomId: string): Promise<void> => this.#with(roomId, (room) => room.markUnread());
  setFavourite = (roomId: string, on: boolean): Promise<void> => this.#with(roomId, (room) => room.setFavourite(on));
  setLowPriority = (roomId: string, on: boolean): Promise<void> => this.#with(roomId, (room) => room.setLowPriority(on));

  async #with(roomId: string, act: (room: ReturnType<Core["room"]>) => Promise<void>): Promise<void> {
    const room = this.#core.room(roomId);
    try {
      await act(room);
    } catch {
      // The list shows the truth again at the next sync.
    } finally {
      room.dispose();
    }
  }

  #show(): void {
    const rooms = this.#core.rooms.summaries.get();
    const { filter, query, selected } = this.get();
    // The open conversation shows its draft itself, in the composer.
    const hasDraft = (room: RoomSummary): boolean => room.id !== selected && this.#memory.read(`draft.${room.id}`) !== null;
    this.merge({
      ready: rooms.length > 0 || this.#core.connection.get() !== "starting",
      offline: this.#core.connection.get() === "offline",
      sections: sectionsOf(rooms, filter, query),
      total: rooms.length,
      unreadRooms: rooms.filter((room) => isUnread(room) && room.notifications !== "mute").length,
      mentions: rooms.reduce((sum, room) => sum + room.mentions, 0),
      drafts: new Set(rooms.filter(hasDraft).map((room) => room.id)),
    });
  }
}
