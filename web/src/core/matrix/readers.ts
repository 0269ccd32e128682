// SPDX-License-Identifier: Apache-2.0
/** Who has read up to which item: each person once, at the last shown item they have read. */
import type { MatrixEvent, Room } from "matrix-js-sdk";
import type { Person } from "../port/timeline.ts";
import { person } from "./items.ts";

/** Above this many members, receipts say nothing useful and are not shown. */
const MAX_MEMBERS = 100;

export function readersByEvent(
  room: Room, events: readonly MatrixEvent[], shown: ReadonlySet<string>, me: string,
): ReadonlyMap<string, readonly Person[]> {
  const result = new Map<string, Person[]>();
  if (room.getJoinedMemberCount() > MAX_MEMBERS) return result;
  const anchors = anchorOf(events.map((event) => event.getId() ?? ""), shown);
  for (const member of room.getJoinedMembers()) {
    if (member.userId === me) continue;
    const readUpTo = room.getEventReadUpTo(member.userId);
    const anchor = readUpTo ? anchors.get(readUpTo) : undefined;
    if (anchor === undefined) continue;
    const list = result.get(anchor) ?? [];
    list.push(person(room, member.userId));
    result.set(anchor, list);
  }
  return result;
}

/** For each event of the window, the nearest shown event at or before it. */
export function anchorOf(ids: readonly string[], shown: ReadonlySet<string>): ReadonlyMap<string, string> {
  const anchors = new Map<string, string>();
  let anchor: string | undefined;
  for (const id of ids) {
    if (shown.has(id)) anchor = id;
    if (anchor !== undefined) anchors.set(id, anchor);
  }
  return anchors;
}

export function sameReaders(a: readonly Person[], b: readonly Person[]): boolean {
  return a.length === b.length
    && a.every((one, index) => one.id === b[index]?.id && one.name === b[index]?.name && one.avatar === b[index]?.avatar);
}
