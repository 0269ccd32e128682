// SPDX-License-Identifier: Apache-2.0
/** Who may be in a room, beyond its join rule: the State's `im.vector.room.access_rules`. */
import type { Room, RoomMember } from "matrix-js-sdk";
import type { GuestRule } from "../port/rooms.ts";

export const ACCESS_RULES = "im.vector.room.access_rules";

/** `enforced`: whether the server keeps guests out of rooms that say nothing of them. */
export function guestRule(room: Room, enforced: boolean): GuestRule {
  const rule = rulesOf(room)["rule"];
  if (rule === "unrestricted" || rule === "direct") return "open";
  return enforced || rule === "restricted" ? "closed" : "free";
}

/** The rules after opening: what else they say stays as it is. */
export const openedRules = (room: Room): Rules => ({ ...rulesOf(room), rule: "unrestricted" });

type Rules = Readonly<Record<string, unknown>>;

function rulesOf(room: Room): Rules {
  return room.currentState.getStateEvents(ACCESS_RULES, "")?.getContent() ?? {};
}

/** The server writes it into what makes somebody a member. */
export function isGuest(member: RoomMember): boolean {
  return member.events.member?.getContent()["org.estafette.guest"] === true;
}
