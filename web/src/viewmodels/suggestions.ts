// SPDX-License-Identifier: Apache-2.0
/** Completion of "@name" and ":emoji" while typing. Pure. */
import type { Member } from "../core/port/rooms.ts";
import { fold, score } from "./search.ts";

export interface Emoji {
  readonly symbol: string;
  readonly label: string;
  readonly tags: readonly string[];
  /** Category number of the Unicode emoji list. */
  readonly group: number;
}

export type EmojiSource = () => Promise<readonly Emoji[]>;

export interface Trigger {
  readonly kind: "mention" | "emoji";
  /** First character replaced, the sign itself included. */
  readonly from: number;
  readonly to: number;
  readonly query: string;
}

export type Suggestion =
  | { readonly kind: "person"; readonly userId: string; readonly name: string; readonly avatar: string | null }
  | { readonly kind: "emoji"; readonly symbol: string; readonly label: string };

const MAX = 6;

/** The word being completed at the caret, if any. */
export function findTrigger(text: string, caret: number): Trigger | null {
  const before = text.slice(0, caret);
  const mention = /(?:^|[\s(])@([\p{L}\p{M}\p{N}._'’-]{0,40}(?: [\p{L}\p{M}][\p{L}\p{M}'’-]{0,30})?)$/u.exec(before);
  if (mention) {
    const query = mention[1] ?? "";
    return { kind: "mention", from: caret - query.length - 1, to: caret, query };
  }
  const emoji = /(?:^|\s):([\p{L}\p{M}\p{N}_+-]{2,30})$/u.exec(before);
  if (!emoji) return null;
  const query = emoji[1] ?? "";
  return { kind: "emoji", from: caret - query.length - 1, to: caret, query };
}

export function suggestMembers(members: readonly Member[], query: string): readonly Suggestion[] {
  return members
    .map((member) => ({ member, points: score(`${member.name} ${member.id}`, query) }))
    .filter(({ points }) => points > 0)
    .sort((a, b) => b.points - a.points || a.member.name.localeCompare(b.member.name))
    .slice(0, MAX)
    .map(({ member }) => ({ kind: "person", userId: member.id, name: member.name, avatar: member.avatar }));
}

export function searchEmoji(all: readonly Emoji[], query: string, limit: number): readonly Emoji[] {
  const wanted = fold(query).replace(/_/g, " ");
  const points = (emoji: Emoji): number => {
    const label = fold(emoji.label);
    if (label.startsWith(wanted)) return 3;
    if (emoji.tags.some((tag) => fold(tag).startsWith(wanted))) return 2;
    return label.includes(wanted) ? 1 : 0;
  };
  return all.map((emoji) => ({ emoji, rank: points(emoji) })).filter(({ rank }) => rank > 0)
    .sort((a, b) => b.rank - a.rank).slice(0, limit).map(({ emoji }) => emoji);
}

export function suggestEmoji(all: readonly Emoji[], query: string): readonly Suggestion[] {
  return searchEmoji(all, query, MAX).map(({ symbol, label }) => ({ kind: "emoji", symbol, label }));
}

export function applySuggestion(text: string, trigger: Trigger, suggestion: Suggestion): { text: string; caret: number } {
  const piece = suggestion.kind === "person" ? `@${suggestion.name} ` : `${suggestion.symbol} `;
  return { text: text.slice(0, trigger.from) + piece + text.slice(trigger.to), caret: trigger.from + piece.length };
}
