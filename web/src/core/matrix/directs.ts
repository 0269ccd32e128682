// SPDX-License-Identifier: Apache-2.0
/** Direct conversations: the `m.direct` account data (client-server API, "Direct Messaging"). */
import { EventType, type MatrixClient, type Room } from "matrix-js-sdk";

type Directs = Record<string, string[]>;

function directs(client: MatrixClient): Directs {
  return (client.getAccountData(EventType.Direct)?.getContent() ?? {}) as Directs;
}

/** With whom a direct conversation is: an account, or so far an e-mail address that was invited. */
export type Partner = { readonly userId: string; readonly address?: undefined } | { readonly userId: null; readonly address: string };

/** Null when the room is no direct conversation. */
export function directWith(client: MatrixClient, room: Room): Partner | null {
  for (const [key, rooms] of Object.entries(directs(client))) {
    if (!Array.isArray(rooms) || !rooms.includes(room.roomId)) continue;
    if (key.startsWith("@")) return { userId: key };
    const other = room.getMembers().find((one) => one.userId !== client.getUserId() && (one.membership === "join" || one.membership === "invite"));
    return other ? { userId: other.userId } : { userId: null, address: key };
  }
  const inviter = room.getMyMembership() === "invite" ? room.getDMInviter() : undefined;
  return inviter ? { userId: inviter } : null;
}

/** Once somebody came by an address, the conversation is theirs, whatever they do later. */
export async function settleDirect(client: MatrixClient, room: Room): Promise<void> {
  const current = directs(client);
  const address = Object.keys(current).find((key) => !key.startsWith("@") && current[key]?.includes(room.roomId));
  const userId = directWith(client, room)?.userId;
  if (!address || !userId) return;
  const { [address]: rooms = [], ...others } = current;
  const left = rooms.filter((id) => id !== room.roomId);
  await client.setAccountData(EventType.Direct, {
    ...others, ...(left.length > 0 ? { [address]: left } : {}), [userId]: [...new Set([...(others[userId] ?? []), room.roomId])],
  });
}

/** The correspondent of a direct conversation; null when there is none yet, or it is none. */
export function directPartner(client: MatrixClient, room: Room): string | null {
  return directWith(client, room)?.userId ?? null;
}

/** Records a room as the direct conversation with an account or an address. Safe to repeat. */
export async function markDirect(client: MatrixClient, roomId: string, userId: string): Promise<void> {
  const current = directs(client);
  const list = current[userId] ?? [];
  if (list.includes(roomId)) return;
  await client.setAccountData(EventType.Direct, { ...current, [userId]: [...list, roomId] });
}
