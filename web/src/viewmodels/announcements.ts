// SPDX-License-Identifier: Apache-2.0
/** Which messages of a conversation are news to somebody who listens to it. Pure. */
import type { TimelineItem } from "../core/port/timeline.ts";
import { messagesOf, type Row } from "./rows.ts";

/** What has been read aloud, or was there before, and what came but could not be read yet. */
export interface Heard {
  readonly known: ReadonlySet<string>;
  readonly waiting: ReadonlySet<string>;
}

/** Messages read at once; of a longer burst the newest. */
const MAX_AT_ONCE = 5;

/** Null: the conversation was just opened, and what it holds is history. */
export function newMessages(heard: Heard | null, rows: readonly Row[]): { readonly heard: Heard; readonly items: readonly TimelineItem[] } {
  const all = messagesOf(rows);
  const ids = all.map((item) => item.id);
  if (heard === null) return { heard: { known: new Set(ids), waiting: new Set() }, items: [] };
  const lastKnown = all.findLastIndex((item) => heard.known.has(item.id) || heard.waiting.has(item.id));
  // What stands before something known is older history, not news; so is another part of it altogether.
  const elsewhere = lastKnown < 0 && heard.known.size > 0;
  const waiting = new Set<string>();
  const items = all.filter((item, index) => {
    const came = heard.waiting.has(item.id) || (index > lastKnown && !elsewhere);
    if (!came || item.mine || item.content.kind === "deleted") return false;
    if (item.content.kind !== "unreadable") return true;
    waiting.add(item.id);
    return false;
  });
  return { heard: { known: new Set([...heard.known, ...ids].filter((id) => !waiting.has(id))), waiting }, items: items.slice(-MAX_AT_ONCE) };
}
