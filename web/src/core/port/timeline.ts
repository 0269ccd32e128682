// SPDX-License-Identifier: Apache-2.0
/** One conversation's messages, as items ready to show. */
import type { Observable } from "./observable.ts";
import type { ItemContent } from "./content.ts";

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly avatar: string | null;
}

export interface Reaction {
  readonly key: string;
  readonly count: number;
  readonly mine: boolean;
  readonly names: readonly string[];
}

/** The way of an outgoing message. `sent` means acknowledged, not yet seen in the sync. */
export type SendState =
  | { readonly phase: "queued" }
  | { readonly phase: "uploading"; readonly fraction: number }
  | { readonly phase: "sending" }
  | { readonly phase: "sent" }
  | { readonly phase: "failed"; readonly reason: string };

/** Warnings about how a readable message was encrypted. */
export type Shield = "unverifiedDevice" | "unverifiedSender" | "notEncrypted" | "unauthenticated";

export interface ReplyQuote {
  readonly eventId: string;
  readonly senderName: string;
  /** Null while the original is being fetched, or when it cannot be. */
  readonly text: string | null;
}

export interface TimelineItem {
  /** Stable for the life of the item, from local echo to remote echo. */
  readonly id: string;
  readonly eventId: string | null;
  readonly sender: Person;
  readonly mine: boolean;
  /** Server time in milliseconds since 1970 (local time for an item not yet sent). */
  readonly at: number;
  readonly content: ItemContent;
  readonly edited: boolean;
  readonly mentionsMe: boolean;
  readonly reply: ReplyQuote | null;
  readonly reactions: readonly Reaction[];
  readonly readers: readonly Person[];
  readonly send: SendState | null;
  readonly shield: Shield | null;
  readonly canEdit: boolean;
  readonly canDelete: boolean;
}

export interface TimelineState {
  readonly items: readonly TimelineItem[];
  readonly atStart: boolean;
  /** False when the window shows old messages and newer ones exist below. */
  readonly atEnd: boolean;
  readonly loading: boolean;
  /** The last shown item the person had read when the room was opened (`m.fully_read`). */
  readonly readMarker: string | null;
  /** True when that item lies before what is loaded: more is unread than is at hand. */
  readonly markerBefore: boolean;
}

export interface Mention {
  readonly userId: string;
  readonly name: string;
}

export interface OutgoingText {
  /** Markdown as typed. */
  readonly text: string;
  readonly mentions: readonly Mention[];
  readonly mentionsRoom: boolean;
  readonly replyTo: string | null;
  readonly edits: string | null;
}

export interface OutgoingFile {
  readonly file: File;
  readonly caption: string;
  readonly replyTo: string | null;
}

export interface TimelinePort {
  readonly state: Observable<TimelineState>;
  /** Loads older (`back`) or newer messages; resolves when the state has them. */
  paginate(direction: "back" | "forward"): Promise<void>;
  /** Shows the part of the history around an event; false when it cannot be found. */
  focus(eventId: string): Promise<boolean>;
  /** Shows the place up to which the person had read; false when it cannot be found. */
  focusMarker(): Promise<boolean>;
  jumpToLive(): Promise<void>;
  sendText(message: OutgoingText): Promise<void>;
  sendFile(file: OutgoingFile): Promise<void>;
  retry(itemId: string): Promise<void>;
  cancel(itemId: string): Promise<void>;
  react(eventId: string, key: string): Promise<void>;
  remove(eventId: string, reason: string): Promise<void>;
  /** The Markdown a person typed, to edit it again. */
  source(eventId: string): string;
  /** The people that message mentions, under the names it uses for them. */
  mentions(eventId: string): readonly Mention[];
  markReadUpTo(eventId: string): Promise<void>;
  permalink(eventId: string): string;
  dispose(): void;
}
