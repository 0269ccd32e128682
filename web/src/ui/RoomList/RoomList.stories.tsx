// SPDX-License-Identifier: Apache-2.0
import type { RoomListSnapshot } from "../../viewmodels/room-list.ts";
import { sectionsOf } from "../../viewmodels/room-list.ts";
import { idle, nothing, NOW, summary } from "../samples.ts";
import { RoomRow } from "./RoomRow.tsx";
import { RoomListView } from "./RoomListView.tsx";

const rooms = [
  summary("!1:x", "Cellule de crise", { unread: 3, mentions: 1 }), summary("!2:x", "Jean Martin", { direct: true, otherUserId: "@jean:x", unread: 120 }),
  summary("!5:x", "Projet avec des partenaires", { externals: true }), summary("!6:x", "Ève", { direct: true, externals: true, otherUserId: "@eve:x" }), summary("!3:x", "Café du matin", { notifications: "mute", favourite: true }), summary("!4:x", "Nouveau salon", { membership: "invite", inviter: { id: "@j:x", name: "Jean" } }),
];
const state: RoomListSnapshot = { ready: true, offline: false, filter: "all", query: "", sections: sectionsOf(rooms, "all", ""), selected: "!1:x", total: 4, unreadRooms: 2, mentions: 1, drafts: new Set(["!2:x"]) };
const show = (change: Partial<RoomListSnapshot>) => <RoomListView state={{ ...state, ...change }} actions={idle()} now={NOW} onOpen={nothing} onCreate={nothing} onSettings={nothing} />;

export const stories = {
  list: () => show({}), loading: () => show({ ready: false }), empty: () => show({ sections: [], total: 0 }), emptyOffline: () => show({ sections: [], total: 0, offline: true }), nothingFound: () => show({ sections: [], query: "zzz" }),
  rows: () => <div>{rooms.map((room, index) => <RoomRow key={room.id} room={room} line={index} selected={index === 0} reachable={index === 0} draft={index === 1} now={NOW} onOpen={nothing} actions={idle()} />)}</div>,
};
