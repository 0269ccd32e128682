// SPDX-License-Identifier: Apache-2.0
/** State events worth a line in the timeline, as wordless changes. */
import type { StateChange } from "../port/content.ts";

type Json = Readonly<Record<string, unknown>>;
const text = (value: unknown): string => (typeof value === "string" ? value : "");

export interface StateEventView {
  readonly type: string;
  readonly sender: string;
  readonly stateKey: string;
  readonly content: Json;
  readonly previous: Json;
  /** Display name of the person a membership is about. */
  readonly targetName: string;
}

/** Null when the change is not worth telling (policy, widgets, unchanged content). */
export function stateChange(event: StateEventView): StateChange | null {
  switch (event.type) {
    case "m.room.member": return memberChange(event);
    case "m.room.create": return { change: "created" };
    case "m.room.encryption": return { change: "encrypted" };
    case "m.room.tombstone": return { change: "upgraded" };
    case "m.room.avatar":
      return event.content["url"] === event.previous["url"] ? null : { change: "avatar" };
    case "m.room.name": return named("name", event);
    case "m.room.topic": return named("topic", event);
    case "m.room.power_levels":
      return Object.keys(event.previous).length > 0 ? { change: "roles" } : null;
    case "m.room.third_party_invite": {
      // What is used, taken back or ended becomes empty; who came of it is told by their membership.
      const targetName = text(event.content["display_name"]);
      return targetName && !text(event.previous["display_name"]) ? { change: "invited", targetName, reason: "" } : null;
    }
    case "im.vector.room.access_rules":
      return event.content["rule"] === "unrestricted" && event.previous["rule"] === "restricted" ? { change: "guests" } : null;
    case "m.room.join_rules":
      if (Object.keys(event.previous).length === 0) return null;
      return { change: "access", open: event.content["join_rule"] === "public" };
    case "m.room.history_visibility":
      if (Object.keys(event.previous).length === 0) return null;
      return { change: "history", value: text(event.content["history_visibility"]) };
    default: return null;
  }
}

function named(change: "name" | "topic", event: StateEventView): StateChange | null {
  const value = text(event.content[change]);
  return value === text(event.previous[change]) ? null : { change, value };
}

function memberChange(event: StateEventView): StateChange | null {
  const now = text(event.content["membership"]);
  const before = text(event.previous["membership"]) || "leave";
  const self = event.sender === event.stateKey;
  const base = { targetName: event.targetName, reason: text(event.content["reason"]) };
  if (now === "join") return before === "join" ? profileChange(event) : { change: "joined", ...base };
  if (now === "invite") return { change: "invited", ...base };
  if (now === "ban") return { change: "banned", ...base };
  if (now !== "leave" || before === "leave") return null;
  if (self) return { change: before === "invite" ? "declined" : "left", ...base };
  if (before === "ban") return { change: "unbanned", ...base };
  return { change: before === "invite" ? "withdrawn" : "removed", ...base };
}

function profileChange(event: StateEventView): StateChange | null {
  const from = text(event.previous["displayname"]);
  const to = text(event.content["displayname"]);
  if (from !== to) return { change: "renamedSelf", from: from || event.stateKey, to: to || event.stateKey };
  return event.content["avatar_url"] === event.previous["avatar_url"] ? null : { change: "avatarSelf" };
}
