// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Connection, Core } from "../core/port/core.ts";
import { Cell } from "../core/port/observable.ts";
import type { RoomSummary } from "../core/port/rooms.ts";
import { type RoomFilter, RoomListViewModel, sectionsOf } from "./room-list.ts";

function room(id: string, change: Partial<RoomSummary> = {}): RoomSummary {
  return {
    id, name: id, alias: null, direct: false, otherUserId: null, avatar: null, membership: "join", inviter: null, encrypted: true, isPublic: false, externals: false,
    unread: 0, mentions: 0, markedUnread: false, favourite: false, lowPriority: false, notifications: "all", lastActivity: 0, preview: null, memberCount: 2, ...change,
  };
}

const anyRoom = fc.record({
  favourite: fc.boolean(), lowPriority: fc.boolean(), direct: fc.boolean(), unread: fc.integer({ min: 0, max: 3 }),
  membership: fc.constantFrom("join" as const, "invite" as const),
});
const FILTERS: readonly RoomFilter[] = ["all", "unread", "people", "groups", "favourites"];

describe("the list of conversations", () => {
  test("shows each conversation once, under every filter only those that fit", () => {
    fc.assert(fc.property(fc.array(anyRoom, { maxLength: 30 }), fc.constantFrom(...FILTERS), (changes, filter) => {
      const rooms = changes.map((change, index) => room(`!${index}`, change));
      const shown = sectionsOf(rooms, filter, "").flatMap((section) => section.rooms);
      expect(new Set(shown).size).toBe(shown.length);
      if (filter === "all") expect(shown.length).toBe(rooms.length);
      if (filter === "people") expect(shown.every((one) => one.direct)).toBe(true);
      if (filter === "favourites") expect(shown).toEqual(expect.arrayContaining(rooms.filter((one) => one.favourite && one.membership === "join")));
    }));
  });

  test("a search looks everywhere, forgives accents, and puts the best first", () => {
    const rooms = [room("!1", { name: "Réunion préfecture" }), room("!2", { name: "Préfecture" }), room("!3", { name: "Marchés", favourite: true })];
    expect(sectionsOf(rooms, "favourites", "prefecture").flatMap((section) => section.rooms.map((one) => one.id))).toEqual(["!2", "!1"]);
    expect(sectionsOf(rooms, "all", "zzz")).toEqual([]);
  });

  test("invitations come first, then favourites; what was set aside comes last", () => {
    const rooms = [room("!low", { lowPriority: true }), room("!a"), room("!fav", { favourite: true }), room("!inv", { membership: "invite" })];
    expect(sectionsOf(rooms, "all", "").map((section) => section.kind)).toEqual(["invitations", "favourites", "main", "lowPriority"]);
  });

  test("counts what is unread and not muted, tells of drafts elsewhere, and steps through the list", () => {
    const summaries = new Cell<readonly RoomSummary[]>([
      room("!1", { unread: 2 }), room("!2"), room("!3", { unread: 5, notifications: "mute" }), room("!4", { unread: 1, mentions: 1 }),
    ]);
    const core = { rooms: { summaries }, connection: new Cell<Connection>("online") } as unknown as Core;
    const drafts = new Map([["draft.!2", "{}"], ["draft.!4", "{}"]]);
    const vm = new RoomListViewModel(core, { read: (key) => drafts.get(key) ?? null, write: () => undefined });
    vm.select("!2");
    expect(vm.get()).toMatchObject({ unreadRooms: 2, mentions: 1, total: 4 });
    expect([...vm.get().drafts]).toEqual(["!4"]);
    expect(vm.neighbour(1)).toBe("!3");
    expect(vm.neighbour(-1)).toBe("!1");
    expect(vm.neighbour(1, true)).not.toBe("!2");
  });
});
