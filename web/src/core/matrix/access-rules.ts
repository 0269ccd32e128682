// SPDX-License-Identifier: Apache-2.0
/** Who may be in a room, beyond its join rule: the State's `im.vector.room.access_rules`. */
import type { Room, RoomMember } from "matrix-js-sdk";
import type { GuestRule } from "../port/rooms.ts";
import { CoreError } from "../port/session.ts";
import { toCoreError } from "./errors.ts";

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

/** Whether somebody from outside is in a room, or was asked into it. */
export const hasGuests = (room: Room): boolean =>
  room.getMembers().some((one) => (one.membership === "join" || one.membership === "invite") && isGuest(one));

/**
 * A server says no to a guest in a room that is not open to them as it says no to everything, and
 * why in its sentence alone.
 */
export function explainRefusal(error: unknown, rule: GuestRule): CoreError {
  const failure = toCoreError(error);
  return failure.kind === "forbidden" && rule === "closed" && /\bguests?\b/i.test(failure.detail) ? new CoreError("agentsOnly", failure.detail) : failure;
}

/** The server writes it into what makes somebody a member. */
export function isGuest(member: RoomMember): boolean {
  return member.events.member?.getContent()["org.estafette.guest"] === true;
}
