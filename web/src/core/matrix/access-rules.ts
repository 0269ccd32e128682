// SPDX-License-Identifier: Apache-2.0
/** Who may be in a room, beyond its join rule: the State's `im.vector.room.access_rules`. */
import type { Room, RoomMember } from "matrix-js-sdk";
import type { GuestRule } from "../port/rooms.ts";

export const ACCESS_RULES = "im.vector.room.access_rules";

/** A room that says nothing is on a server without these rules. */
export function guestRule(room: Room): GuestRule {
  const rule: unknown = room.currentState.getStateEvents(ACCESS_RULES, "")?.getContent()["rule"];
  if (rule === "unrestricted" || rule === "direct") return "open";
  return rule === "restricted" ? "closed" : "free";
}

/** The server writes it into what makes somebody a member. */
export function isGuest(member: RoomMember): boolean {
  return member.events.member?.getContent()["org.estafette.guest"] === true;
}
