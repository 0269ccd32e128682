// SPDX-License-Identifier: Apache-2.0
/** What a timeline entry says, as plain data: no protocol name, no HTML string. */

/** Inline and block elements allowed in a message; anything else was dropped on the way in. */
export type RichTag =
  | "p" | "br" | "hr" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "pre" | "code"
  | "ul" | "ol" | "li" | "strong" | "em" | "u" | "s" | "sub" | "sup" | "div" | "span"
  | "table" | "thead" | "tbody" | "tr" | "th" | "td" | "details" | "summary" | "caption";

/** One node of a formatted message. Strings are text and are never parsed again. */
export type RichNode =
  | string
  | { readonly tag: RichTag; readonly children: readonly RichNode[]; readonly start?: number;
      readonly language?: string }
  | { readonly tag: "a"; readonly href: string; readonly children: readonly RichNode[] }
  | { readonly tag: "mention"; readonly userId: string; readonly children: readonly RichNode[] }
  | { readonly tag: "room"; readonly room: string; readonly eventId: string | null;
      readonly children: readonly RichNode[] }
  | { readonly tag: "spoiler"; readonly reason: string; readonly children: readonly RichNode[] }
  | { readonly tag: "image"; readonly mxc: string; readonly alt: string };

/** Key material of an encrypted attachment (client-server API, "Sending encrypted attachments"). */
export interface FileKeys {
  readonly key: string;
  readonly iv: string;
  readonly sha256: string;
}

export interface MediaRef {
  readonly mxc: string;
  readonly name: string;
  readonly mime: string;
  /** Bytes, 0 when unknown. */
  readonly size: number;
  readonly keys: FileKeys | null;
}

/** Why a message cannot be read. Each has its own sentence and its own way out. */
export type UnreadableReason =
  | "waiting"
  | "deviceNotVerified"
  | "beforeYouJoined"
  | "beforeThisDevice"
  | "backupMissing"
  | "withheldUnverified"
  | "senderNotTrusted"
  | "senderIdentityChanged"
  | "unknown";

export type StateChange =
  | { readonly change: "joined" | "left" | "invited" | "removed" | "banned" | "unbanned"
      | "declined" | "withdrawn"; readonly targetName: string; readonly reason: string }
  | { readonly change: "renamedSelf"; readonly from: string; readonly to: string }
  | { readonly change: "avatarSelf" }
  | { readonly change: "created" | "encrypted" | "avatar" | "roles" | "upgraded" | "guests" }
  | { readonly change: "name" | "topic"; readonly value: string }
  | { readonly change: "access"; readonly open: boolean }
  | { readonly change: "history"; readonly value: string };

export type ItemContent =
  | { readonly kind: "text"; readonly style: "plain" | "emote" | "notice";
      readonly body: string; readonly rich: readonly RichNode[]; readonly bigEmoji: boolean }
  | { readonly kind: "image" | "video"; readonly media: MediaRef; readonly thumbnail: MediaRef | null;
      readonly width: number; readonly height: number; readonly caption: string }
  | { readonly kind: "audio" | "file"; readonly media: MediaRef; readonly caption: string;
      readonly durationMs: number }
  | { readonly kind: "unreadable"; readonly reason: UnreadableReason }
  | { readonly kind: "deleted"; readonly bySender: boolean }
  | { readonly kind: "state"; readonly change: StateChange }
  | { readonly kind: "unsupported"; readonly type: string; readonly fallback: string };
