// SPDX-License-Identifier: Apache-2.0
/** The one place that decides whether a conversation is unread, and by how many messages. */

export interface UnreadFacts {
  /** Counts of the server's sync (`unread_notifications`). */
  readonly serverUnread: number;
  readonly serverMentions: number;
  /** `m.marked_unread` of the room. */
  readonly markedUnread: boolean;
  /** The newest events in order, oldest first. `counts`: a person would call it a message. */
  readonly events: readonly { readonly id: string; readonly mine: boolean; readonly counts: boolean }[];
  /** The event my own read receipt points at, null when there is none. */
  readonly readUpTo: string | null;
}

export interface UnreadState {
  readonly unread: number;
  readonly mentions: number;
  readonly markedUnread: boolean;
}

/**
 * Nothing is unread after one's own last message or receipt, whatever an old count says; otherwise
 * the server's count stands, capped by what is known locally when the receipt is in sight.
 * Mentions never exceed unread.
 */
export function unreadState(facts: UnreadFacts): UnreadState {
  const receipt = facts.events.findIndex((event) => event.id === facts.readUpTo);
  const lastMine = facts.events.findLastIndex((event) => event.mine && event.counts);
  const readTo = Math.max(receipt, lastMine);
  const after = facts.events.slice(readTo + 1).filter((event) => event.counts && !event.mine).length;
  const sighted = readTo >= 0;
  const unread = sighted ? Math.min(facts.serverUnread, after) : facts.serverUnread;
  return {
    unread: Math.max(0, unread),
    mentions: Math.max(0, Math.min(facts.serverMentions, unread)),
    markedUnread: facts.markedUnread,
  };
}
