// SPDX-License-Identifier: Apache-2.0
/** Writing: text, replies, edits, mentions, files, and a draft that is never lost. */
import { summaryOf } from "../core/port/plain-text.ts";
import type { Member, RoomPort } from "../core/port/rooms.ts";
import type { FailureKind } from "../core/port/session.ts";
import type { Mention, TimelineItem, TimelinePort } from "../core/port/timeline.ts";
import { ViewModel, type KeyValue } from "./base.ts";
import { kindOf } from "./failure.ts";
import { applySuggestion, type EmojiSource, findTrigger, type Suggestion, suggestEmoji, suggestMembers, type Trigger } from "./suggestions.ts";

export type ComposerMode =
  | { readonly kind: "new" }
  | { readonly kind: "reply"; readonly eventId: string; readonly name: string; readonly quote: string }
  | { readonly kind: "edit"; readonly eventId: string };

export interface PendingUpload {
  readonly id: number;
  readonly file: File;
  readonly name: string;
  readonly size: number;
  readonly isImage: boolean;
}

export interface ComposerSnapshot {
  readonly text: string;
  /** Where the caret must go after a change made by us; null leaves it alone. */
  readonly caret: number | null;
  readonly mode: ComposerMode;
  readonly uploads: readonly PendingUpload[];
  readonly suggestions: readonly Suggestion[];
  readonly selected: number;
  readonly canSend: boolean;
  readonly tooLarge: { readonly name: string; readonly limit: number } | null;
  /** Files left out because too many were chosen. */
  readonly tooMany: number;
  readonly failure: FailureKind | null;
}

interface Draft {
  readonly text: string;
  readonly mentions: readonly Mention[];
  readonly mode: ComposerMode;
}

/** Files that may wait for sending at once. */
export const MAX_UPLOADS = 20;
const NEW: ComposerMode = { kind: "new" };

export interface ComposerServices {
  readonly room: RoomPort;
  readonly timeline: TimelinePort;
  readonly memory: KeyValue;
  readonly emoji: EmojiSource;
  readonly uploadLimit: () => Promise<number | null>;
  /** Files that wait in the composers of conversations, by conversation: they outlive a look elsewhere. */
  readonly files: Map<string, readonly PendingUpload[]>;
}

export class ComposerViewModel extends ViewModel<ComposerSnapshot> {
  readonly #services: ComposerServices;
  readonly #draftKey: string;
  #mentions: readonly Mention[] = [];
  #trigger: Trigger | null = null;
  #nextUpload = 1;
  #beforeEdit: { readonly text: string; readonly mentions: readonly Mention[] } = { text: "", mentions: [] };

  constructor(services: ComposerServices) {
    super({
      text: "", caret: null, mode: NEW, uploads: [], suggestions: [], selected: 0, canSend: false,
      tooLarge: null, tooMany: 0, failure: null,
    });
    this.#services = services;
    this.#draftKey = `draft.${services.room.details.get().id}`;
    this.#restore();
    const waiting = services.files.get(this.#draftKey) ?? [];
    if (waiting.length > 0) this.#setUploads(waiting);
    this.#nextUpload = Math.max(0, ...waiting.map((upload) => upload.id)) + 1;
    this.undo.add(services.room.details.subscribe(this.#suggestAgain));
  }

  /** Whoever comes while their name is being typed is offered too. */
  readonly #suggestAgain = (): void => {
    if (this.#trigger?.kind !== "mention") return;
    const suggestions = suggestMembers(this.#members(), this.#trigger.query);
    this.merge({ suggestions, selected: Math.max(0, Math.min(this.get().selected, suggestions.length - 1)) });
  };

  #setUploads(uploads: readonly PendingUpload[]): void {
    if (uploads.length > 0) this.#services.files.set(this.#draftKey, uploads);
    else this.#services.files.delete(this.#draftKey);
    this.merge({ uploads });
    this.merge({ canSend: this.#sendable(this.get().text) });
  }

  #restore(): void {
    try {
      const draft = JSON.parse(this.#services.memory.read(this.#draftKey) ?? "null") as Draft | null;
      if (!draft || typeof draft.text !== "string") return;
      this.#mentions = draft.mentions ?? [];
      this.merge({ text: draft.text, mode: draft.mode ?? NEW, canSend: draft.text.trim() !== "", caret: draft.text.length });
    } catch {
      this.#services.memory.write(this.#draftKey, null);
    }
  }

  #keepDraft(): void {
    const { text, mode } = this.get();
    if (mode.kind === "edit") return;
    const empty = text.trim() === "" && mode.kind === "new";
    const draft: Draft = { text, mentions: this.#mentions, mode };
    this.#services.memory.write(this.#draftKey, empty ? null : JSON.stringify(draft));
  }

  setText = (text: string, caret: number): void => {
    this.#services.room.setTyping(text.trim() !== "" && !text.startsWith("/"));
    this.merge({ text, caret: null, canSend: this.#sendable(text), failure: null });
    this.#keepDraft();
    this.#suggest(text, caret);
  };

  #sendable(text: string): boolean {
    return text.trim() !== "" || (this.get().mode.kind !== "edit" && this.get().uploads.length > 0);
  }

  #suggest(text: string, caret: number): void {
    this.#trigger = findTrigger(text, caret);
    const trigger = this.#trigger;
    if (!trigger) return this.merge({ suggestions: [], selected: 0 });
    if (trigger.kind === "mention") {
      return this.merge({ suggestions: suggestMembers(this.#members(), trigger.query), selected: 0 });
    }
    void this.#services.emoji().then((all) => {
      if (this.#trigger === trigger) this.merge({ suggestions: suggestEmoji(all, trigger.query), selected: 0 });
    });
  }

  #members(): readonly Member[] {
    return this.#services.room.details.get().members.filter((member) => member.membership === "join");
  }

  moveSelection = (step: 1 | -1): void => {
    const count = this.get().suggestions.length;
    if (count > 0) this.merge({ selected: (this.get().selected + step + count) % count });
  };

  closeSuggestions = (): void => {
    this.#trigger = null;
    this.merge({ suggestions: [], selected: 0 });
  };

  accept = (index = this.get().selected): void => {
    const suggestion = this.get().suggestions[index];
    if (!suggestion || !this.#trigger) return;
    const { text, caret } = applySuggestion(this.get().text, this.#trigger, suggestion);
    if (suggestion.kind === "person") this.#mentions = [...this.#mentions, { userId: suggestion.userId, name: suggestion.name }];
    this.closeSuggestions();
    this.merge({ text, caret, canSend: true });
    this.#keepDraft();
  };

  insert = (piece: string, at: number): void => {
    const { text } = this.get();
    const next = text.slice(0, at) + piece + text.slice(at);
    this.merge({ text: next, caret: at + piece.length, canSend: this.#sendable(next) });
    this.#keepDraft();
  };

  reply = (item: TimelineItem): void => {
    if (!item.eventId) return;
    if (this.get().mode.kind === "edit") this.cancelMode();
    this.merge({ mode: { kind: "reply", eventId: item.eventId, name: item.sender.name, quote: summaryOf(item.content) }, caret: this.get().text.length });
    this.#keepDraft();
  };

  edit = (item: TimelineItem): void => {
    if (!item.eventId || !item.canEdit) return;
    if (this.get().mode.kind !== "edit") this.#beforeEdit = { text: this.get().text, mentions: this.#mentions };
    this.closeSuggestions();
    this.#mentions = this.#services.timeline.mentions(item.eventId);
    const text = this.#services.timeline.source(item.eventId);
    this.merge({ mode: { kind: "edit", eventId: item.eventId }, text, caret: text.length, canSend: true });
  };

  cancelMode = (): void => {
    const editing = this.get().mode.kind === "edit";
    const text = editing ? this.#beforeEdit.text : this.get().text;
    if (editing) this.#mentions = this.#beforeEdit.mentions;
    this.merge({ mode: NEW, text, caret: text.length });
    this.merge({ canSend: this.#sendable(text) });
    this.#keepDraft();
  };

  addFiles = async (files: readonly File[]): Promise<void> => {
    // An edit changes words; what was dropped on it is not lost, and goes with the next message.
    const limit = await this.#services.uploadLimit();
    const room = MAX_UPLOADS - this.get().uploads.length;
    this.merge({ tooLarge: null, tooMany: Math.max(0, files.length - room) });
    for (const file of files.slice(0, room)) {
      if (limit !== null && file.size > limit) {
        this.merge({ tooLarge: { name: file.name, limit } });
        continue;
      }
      const upload: PendingUpload = {
        id: this.#nextUpload, file, name: file.name, size: file.size, isImage: file.type.startsWith("image/"),
      };
      this.#nextUpload += 1;
      this.#setUploads([...this.get().uploads, upload]);
    }
  };

  removeFile = (id: number): void => {
    this.#setUploads(this.get().uploads.filter((upload) => upload.id !== id));
  };

  dismissTooLarge = (): void => this.merge({ tooLarge: null, tooMany: 0 });

  /** Hands everything to the send queue. What the queue refuses comes back, before what was written meanwhile. */
  send = async (): Promise<void> => {
    const { text, mode, uploads, canSend } = this.get();
    if (!canSend) return;
    const mentions = this.#mentions;
    const rest = mode.kind === "edit" ? this.#beforeEdit.text : "";
    this.#mentions = mode.kind === "edit" ? this.#beforeEdit.mentions : [];
    // An edit leaves alone what was being prepared beside it.
    const kept = mode.kind === "edit" ? uploads : [];
    this.merge({ text: rest, caret: rest.length, mode: NEW, failure: null });
    this.#setUploads(kept);
    this.closeSuggestions();
    this.#services.room.setTyping(false);
    const { memory } = this.#services;
    const draft = memory.read(this.#draftKey);
    const left = mode.kind === "edit" ? [] : [...uploads];
    try {
      await this.#deliver(text.trim(), mode, left, mentions);
      // Until here a page that dies gives the text back; another draft may have taken its place.
      if (memory.read(this.#draftKey) === draft) this.#keepDraft();
    } catch (error) {
      this.#giveBack(text, mode, left, mentions);
      this.merge({ failure: kindOf(error) });
    }
  };

  #giveBack(text: string, mode: ComposerMode, left: readonly PendingUpload[], mentions: readonly Mention[]): void {
    const now = this.get();
    const join = (later: string): string => [text, later].filter(Boolean).join("\n");
    this.#setUploads([...left, ...now.uploads]);
    if (now.mode.kind === "edit") {
      // Another message is being edited: it comes back once that is done.
      this.#beforeEdit = { text: join(this.#beforeEdit.text), mentions: [...mentions, ...this.#beforeEdit.mentions] };
    } else if (mode.kind === "edit") {
      this.#beforeEdit = { text: now.text, mentions: this.#mentions };
      this.#mentions = mentions;
      this.merge({ text, mode, caret: text.length });
    } else {
      const all = join(now.text);
      this.#mentions = [...mentions, ...this.#mentions];
      this.merge({ text: all, mode: now.mode.kind === "new" ? mode : now.mode, caret: all.length });
    }
    this.merge({ canSend: this.#sendable(this.get().text) });
    this.#keepDraft();
  }

  /** Takes out of `left` each file that the queue has. */
  async #deliver(text: string, mode: ComposerMode, left: PendingUpload[], mentions: readonly Mention[]): Promise<void> {
    const { timeline } = this.#services;
    const replyTo = mode.kind === "reply" ? mode.eventId : null;
    const count = left.length;
    // One file carries the text as its caption; several are followed by it.
    const caption = count === 1 ? text : "";
    for (let next = left[0]; next; next = left[0]) {
      await timeline.sendFile({ file: next.file, caption, replyTo });
      left.shift();
    }
    if (count === 1 || (count > 0 && text === "")) return;
    await timeline.sendText({
      text, mentions, mentionsRoom: /(^|\s)@(?:room|salon)\b/.test(text), replyTo,
      edits: mode.kind === "edit" ? mode.eventId : null,
    });
  }
}
