// SPDX-License-Identifier: Apache-2.0
/** New conversations (client-server API, "Creation"). */
import { EventType, type ICreateRoomOpts, type MatrixClient, Preset, type Room, Visibility } from "matrix-js-sdk";
import type { InviteTarget } from "../port/invites.ts";
import type { CreatedRoom, NewRoom } from "../port/rooms.ts";
import { ACCESS_RULES, explainRefusal } from "./access-rules.ts";
import { directPartner, directWith, markDirect } from "./directs.ts";
import { EmailInvites } from "./email-invites.ts";
import { guarded } from "./errors.ts";

const ENCRYPTION = { type: EventType.RoomEncryption, state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
const OPEN = { type: ACCESS_RULES, state_key: "", content: { rule: "unrestricted" } };

/** Invitations follow one by one: one that is refused must not undo the room. */
export async function createRoom(client: MatrixClient, request: NewRoom): Promise<CreatedRoom> {
  const secure = request.kind === "secure";
  const options: ICreateRoomOpts = {
    name: request.name.trim(),
    ...(request.topic.trim() ? { topic: request.topic.trim() } : {}),
    preset: secure ? Preset.PrivateChat : Preset.PublicChat,
    visibility: secure ? Visibility.Private : Visibility.Public,
    initial_state: secure ? [ENCRYPTION, ...(request.guests ? [OPEN] : [])] : [],
  };
  const { room_id: id } = await guarded(() => client.createRoom(options));
  const refused: CreatedRoom["refused"][number][] = [];
  for (const target of request.invite) {
    await invite(client, id, target).catch((error: unknown) => refused.push({ target, failure: explainRefusal(error, request.guests ? "open" : "closed").kind }));
  }
  return { id, refused };
}

async function invite(client: MatrixClient, roomId: string, target: InviteTarget): Promise<void> {
  if ("userId" in target) {
    await client.invite(roomId, target.userId);
    return;
  }
  await new EmailInvites(client, await known(client, roomId)).send(target.address);
}

/** Longest wait for the sync to bring a room that was just made, in milliseconds. */
const KNOWN_WITHIN_MS = 20_000;

function known(client: MatrixClient, roomId: string): Promise<Room> {
  const room = client.getRoom(roomId);
  if (room) return Promise.resolve(room);
  return new Promise((resolve, reject) => {
    const stop = (): void => { clearTimeout(timer); client.off("Room" as never, listen as never); };
    const listen = (found: Room): void => { if (found.roomId === roomId) { stop(); resolve(found); } };
    const timer = setTimeout(() => { stop(); reject(new TypeError("the room does not appear")); }, KNOWN_WITHIN_MS);
    client.on("Room" as never, listen as never);
  });
}

export async function createDirect(client: MatrixClient, target: InviteTarget): Promise<string> {
  const existing = client.getRooms().find((room) => leadsTo(client, room, target));
  if (existing) {
    if (existing.getMyMembership() === "invite") {
      await guarded(() => client.joinRoom(existing.roomId));
      if ("userId" in target) await markDirect(client, existing.roomId, target.userId).catch(() => undefined);
    }
    return existing.roomId;
  }
  return guarded(async () => {
    const { room_id: roomId } = await client.createRoom({
      preset: Preset.TrustedPrivateChat, visibility: Visibility.Private, is_direct: true, initial_state: [ENCRYPTION],
      // The server needs no identity server: it sends the mail itself.
      ...("userId" in target ? { invite: [target.userId] } : { invite_3pid: [{ medium: "email", address: target.address } as never] }),
    });
    await markDirect(client, roomId, "userId" in target ? target.userId : target.address);
    if ("address" in target) void known(client, roomId).then((room) => new EmailInvites(client, room).keep(target.address), () => undefined);
    return roomId;
  });
}

/** Whether a room is the direct conversation with that account or address. */
function leadsTo(client: MatrixClient, room: Room, target: InviteTarget): boolean {
  const membership = room.getMyMembership();
  if (membership !== "join" && membership !== "invite") return false;
  if ("address" in target) return directWith(client, room)?.address === target.address;
  return directPartner(client, room) === target.userId && room.getMember(target.userId)?.membership !== "ban"
    && room.getInvitedAndJoinedMemberCount() === 2;
}
