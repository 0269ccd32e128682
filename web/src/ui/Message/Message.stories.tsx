// SPDX-License-Identifier: Apache-2.0
import type { UnreadableReason } from "../../core/port/content.ts";
import type { TimelineItem } from "../../core/port/timeline.ts";
import { CAMILLE, idle, JEAN, message, nothing, text } from "../samples.ts";
import { MessageRow } from "./MessageRow.tsx";

const show = (item: TimelineItem, direct = false) => (
  <MessageRow item={item} first last active highlighted={false} direct={direct} actions={idle()} onMove={nothing} onActivate={nothing} />
);
const own = { mine: true, sender: CAMILLE, canEdit: true, canDelete: true };
const unreadable = (reason: UnreadableReason) => () => show(message(reason, { kind: "unreadable", reason }));

export const stories = {
  text: () => show(message("1", text("Bonjour"))),
  mine: () => show(message("2", text("Bonjour"), own)),
  full: () => show(message("3", text("D’accord"), {
    edited: true, mentionsMe: true, shield: "unverifiedDevice", reply: { eventId: "$0", senderName: "Camille Durand", text: "Demain ?" },
    reactions: [{ key: "👍", count: 2, mine: true, names: ["Camille Durand", "Jean Martin"] }], readers: [CAMILLE, JEAN],
  })),
  queued: () => show(message("4", text("En route"), { ...own, send: { phase: "queued" } })),
  uploading: () => show(message("5", { kind: "file", media: { mxc: "", name: "note.pdf", mime: "application/pdf", size: 9, keys: null }, caption: "", durationMs: 0 }, { ...own, send: { phase: "uploading", fraction: 0.4 } })),
  unconfirmed: () => show(message("6", text("Trop tôt ?"), { ...own, send: { phase: "failed", reason: "unconfirmed" } })),
  failed: () => show(message("6", text("Perdu ?"), { ...own, send: { phase: "failed", reason: "forbidden" } })),
  deleted: () => show(message("7", { kind: "deleted", bySender: false })),
  unsupported: () => show(message("8", { kind: "unsupported", type: "poll", fallback: "" })),
  waiting: unreadable("waiting"), deviceNotVerified: unreadable("deviceNotVerified"), beforeYouJoined: unreadable("beforeYouJoined"),
  beforeThisDevice: unreadable("beforeThisDevice"), backupMissing: unreadable("backupMissing"), withheldUnverified: unreadable("withheldUnverified"),
  senderNotTrusted: unreadable("senderNotTrusted"), senderIdentityChanged: unreadable("senderIdentityChanged"), unknown: unreadable("unknown"),
};
