// SPDX-License-Identifier: Apache-2.0
/** One SDK event as one timeline item. */
import { EventType, type MatrixClient, type MatrixEvent, MsgType, RelationType, type Room, type RoomMember } from "matrix-js-sdk";
import { DecryptionFailureCode } from "matrix-js-sdk/lib/crypto-api";
import type { ItemContent, UnreadableReason } from "../port/content.ts";
import type { Person, Reaction, TimelineItem } from "../port/timeline.ts";
import { messageContent } from "../content/message.ts";
import { stateChange } from "../content/state.ts";

export function person(room: Room | null, userId: string): Person {
  const member = room?.getMember(userId);
  return {
    id: userId,
    // The SDK adds the identifier to a name that somebody else in the room also bears.
    name: member?.name && member.name !== userId ? member.name : formerName(member) || localpart(userId),
    avatar: member?.getMxcAvatarUrl() ?? null,
  };
}

/** The name somebody bore before they left or were removed: their last membership event carries none. */
function formerName(member: RoomMember | null | undefined): string {
  const name: unknown = member?.events.member?.getPrevContent()["displayname"];
  return typeof name === "string" ? name : "";
}

export const localpart = (userId: string): string => userId.replace(/^@/, "").split(":")[0] ?? userId;

const UNREADABLE: Partial<Record<DecryptionFailureCode, UnreadableReason>> = {
  [DecryptionFailureCode.MEGOLM_UNKNOWN_INBOUND_SESSION_ID]: "waiting",
  [DecryptionFailureCode.OLM_UNKNOWN_MESSAGE_INDEX]: "beforeYouJoined",
  [DecryptionFailureCode.MEGOLM_KEY_WITHHELD]: "withheldUnverified",
  [DecryptionFailureCode.MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE]: "withheldUnverified",
  [DecryptionFailureCode.HISTORICAL_MESSAGE_NO_KEY_BACKUP]: "backupMissing",
  [DecryptionFailureCode.HISTORICAL_MESSAGE_BACKUP_UNCONFIGURED]: "deviceNotVerified",
  [DecryptionFailureCode.HISTORICAL_MESSAGE_WORKING_BACKUP]: "beforeThisDevice",
  [DecryptionFailureCode.HISTORICAL_MESSAGE_USER_NOT_JOINED]: "beforeYouJoined",
  [DecryptionFailureCode.SENDER_IDENTITY_PREVIOUSLY_VERIFIED]: "senderIdentityChanged",
  [DecryptionFailureCode.UNSIGNED_SENDER_DEVICE]: "senderNotTrusted",
  [DecryptionFailureCode.UNKNOWN_SENDER_DEVICE]: "senderNotTrusted",
};

/** A key that has not come this long after its message will not come by waiting, in milliseconds. */
const KEY_WAIT_MS = 5 * 60_000;

export function unreadableReason(event: MatrixEvent): UnreadableReason {
  const known = event.isDecryptionFailure() ? UNREADABLE[event.decryptionFailureReason ?? DecryptionFailureCode.UNKNOWN_ERROR] ?? "unknown" : "waiting";
  return known === "waiting" && event.isDecryptionFailure() && Date.now() - event.getTs() > KEY_WAIT_MS ? "unknown" : known;
}

type Place = "deleted" | "unreadable" | "state" | "message" | "poll";

/** What an event is in a conversation, without reading its content; null when it has no place there. */
export function placeOf(event: MatrixEvent): Place | null {
  if (event.isRedacted()) return event.isState() || event.getType() === EventType.Reaction ? null : "deleted";
  if (event.isRelation(RelationType.Replace) || event.getType() === EventType.Reaction) return null;
  if (event.isDecryptionFailure()) return "unreadable";
  if (event.isEncrypted() && event.getType() === EventType.RoomMessageEncrypted) return "unreadable";
  if (event.isState()) return "state";
  const type = event.getType();
  // A step of the emoji verification, which has its own screen.
  if (event.getContent()["msgtype"] === MsgType.KeyVerificationRequest) return null;
  if (type === EventType.RoomMessage || type === EventType.Sticker) return "message";
  return type === "m.poll.start" || type === "org.matrix.msc3381.poll.start" ? "poll" : null;
}

/** Null for events that have no place in a conversation. */
export function contentOf(event: MatrixEvent): ItemContent | null {
  switch (placeOf(event)) {
    case null: return null;
    case "deleted": {
      const by = event.getUnsigned().redacted_because?.sender;
      return { kind: "deleted", bySender: !by || by === event.getSender() };
    }
    case "unreadable": {
      return { kind: "unreadable", reason: unreadableReason(event) };
    }
    case "state": return stateContent(event);
    case "message": return messageContent(event.getType(), event.getContent());
    case "poll": return { kind: "unsupported", type: "poll", fallback: "" };
  }
}

/** Whom a membership is of; the event of a leave carries no name, the one before it does. */
function targetName(event: MatrixEvent): string {
  const id = event.getStateKey() ?? "";
  const raw = event.target?.rawDisplayName;
  if (raw && raw !== id) return raw;
  const names = [event.getContent()["displayname"], event.getPrevContent()["displayname"]] as const;
  return names.find((name): name is string => typeof name === "string" && name !== "") ?? localpart(id);
}

function stateContent(event: MatrixEvent): ItemContent | null {
  const change = stateChange({
    type: event.getType(),
    sender: event.getSender() ?? "",
    stateKey: event.getStateKey() ?? "",
    content: event.getContent(),
    previous: event.getPrevContent(),
    targetName: targetName(event),
  });
  return change ? { kind: "state", change } : null;
}

export function reactionsOf(room: Room, event: MatrixEvent, me: string): readonly Reaction[] {
  const eventId = event.getId();
  if (!eventId || event.isRedacted()) return [];
  const relations = room.getUnfilteredTimelineSet().relations
    .getChildEventsForEvent(eventId, RelationType.Annotation, EventType.Reaction);
  const groups = relations?.getSortedAnnotationsByKey() ?? [];
  return groups.flatMap(([key, events]) => {
    const senders = [...new Set([...events].filter((one) => !one.isRedacted()).map((one) => one.getSender() ?? ""))];
    if (senders.length === 0) return [];
    return [{
      key, count: senders.length, mine: senders.includes(me),
      names: senders.slice(0, 20).map((one) => person(room, one).name),
    }];
  });
}

/** The event of my own reaction with that key, to take it back. */
export function myReaction(room: Room, eventId: string, key: string, me: string): MatrixEvent | undefined {
  const relations = room.getUnfilteredTimelineSet().relations
    .getChildEventsForEvent(eventId, RelationType.Annotation, EventType.Reaction);
  return relations?.getRelations().find((one) =>
    one.getSender() === me && !one.isRedacted() && one.getRelation()?.key === key);
}

function mentions(event: MatrixEvent, me: string): boolean {
  const mention = event.getContent()["m.mentions"] as { user_ids?: unknown; room?: unknown } | undefined;
  if (!mention || event.getSender() === me) return false;
  return mention.room === true || (Array.isArray(mention.user_ids) && mention.user_ids.includes(me));
}

/** Everything about an item that only depends on its event. */
export function baseItem(client: MatrixClient, room: Room, event: MatrixEvent): TimelineItem | null {
  const content = contentOf(event);
  const eventId = event.getId() ?? null;
  const sender = event.getSender();
  if (!content || !eventId || !sender) return null;
  const me = client.getSafeUserId();
  const mine = sender === me;
  const gone = content.kind === "deleted" || content.kind === "state";
  const rights = room.currentState;
  const clear = room.hasEncryptionStateEvent() && !event.isEncrypted() && !event.isState() && !gone
    && event.getTs() > (rights.getStateEvents(EventType.RoomEncryption, "")?.getTs() ?? Infinity);
  return {
    id: event.getTxnId() ?? event.getUnsigned().transaction_id ?? eventId,
    eventId,
    sender: person(room, sender),
    mine,
    at: event.getTs(),
    content,
    edited: event.replacingEvent() !== null,
    mentionsMe: mentions(event, me),
    reply: null,
    reactions: reactionsOf(room, event, me),
    readers: [],
    send: null,
    shield: clear ? "notEncrypted" : null,
    canEdit: mine && content.kind === "text" && rights.maySendMessage(me),
    canDelete: !gone && (mine ? rights.maySendEvent(EventType.RoomRedaction, me)
      : rights.hasSufficientPowerLevelFor("redact", room.getMember(me)?.powerLevel ?? 0)),
  };
}
