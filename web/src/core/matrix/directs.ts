// SPDX-License-Identifier: Apache-2.0
/** Direct conversations: the `m.direct` account data (client-server API, "Direct Messaging"). */
import { EventType, type MatrixClient, type Room } from "matrix-js-sdk";

type Directs = Record<string, string[]>;

function directs(client: MatrixClient): Directs {
  return (client.getAccountData(EventType.Direct)?.getContent() ?? {}) as Directs;
}

/** The correspondent when the room is a direct conversation, else null. */
export function directPartner(client: MatrixClient, room: Room): string | null {
  for (const [userId, rooms] of Object.entries(directs(client))) {
    if (Array.isArray(rooms) && rooms.includes(room.roomId)) return userId;
  }
  if (room.getMyMembership() === "invite") return room.getDMInviter() ?? null;
  return null;
}

/** Records a room as the direct conversation with someone. Safe to repeat. */
export async function markDirect(client: MatrixClient, roomId: string, userId: string): Promise<void> {
  const current = directs(client);
  const list = current[userId] ?? [];
  if (list.includes(roomId)) return;
  await client.setAccountData(EventType.Direct, { ...current, [userId]: [...list, roomId] });
}
