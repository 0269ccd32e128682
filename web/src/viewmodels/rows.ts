// SPDX-License-Identifier: Apache-2.0
/** Timeline items to rows: days, the unread line, groups of messages, folded changes. Pure. */
import type { UnreadableReason } from "../core/port/content.ts";
import type { TimelineItem } from "../core/port/timeline.ts";

export interface MessageLine {
  readonly kind: "message";
  readonly id: string;
  readonly item: TimelineItem;
  readonly first: boolean;
  readonly last: boolean;
}

export type Row =
  | { readonly kind: "start"; readonly id: string }
  | { readonly kind: "day"; readonly id: string; readonly at: number }
  | { readonly kind: "unread"; readonly id: string }
  | MessageLine
  /** Messages in a row that cannot be read for one reason; when open, they follow as rows of their own. */
  | { readonly kind: "unreadable"; readonly id: string; readonly reason: FoldedReason; readonly items: readonly TimelineItem[]; readonly open: boolean }
  | { readonly kind: "changes"; readonly id: string; readonly items: readonly TimelineItem[] };

/** What comes by itself in a moment is shown message by message, so that nothing moves when it does. */
export type FoldedReason = Exclude<UnreadableReason, "waiting">;

/** Messages of one person closer than this belong together, in milliseconds. */
const GROUP_MS = 5 * 60_000;

const dayOf = (at: number): number => new Date(at).setHours(0, 0, 0, 0);

/** Index of the first item that is new: after the read marker, not one's own. -1 when none. */
export function firstUnread(items: readonly TimelineItem[], readMarker: string | null): number {
  if (readMarker === null) return -1;
  const marker = items.findLastIndex((item) => item.eventId === readMarker);
  if (marker < 0) return -1;
  const next = items.findIndex((item, index) => index > marker && !item.mine && item.content.kind !== "state");
  // One's own message after the marker means one has read up to there.
  const mine = items.findLastIndex((item) => item.mine && item.content.kind !== "state");
  if (next < 0 || mine <= marker) return next;
  return items.findIndex((item, index) => index > mine && !item.mine && item.content.kind !== "state");
}

interface Options {
  readonly readMarker: string | null;
  readonly atStart: boolean;
  /** Items whose fold was opened. */
  readonly opened?: ReadonlySet<string>;
}

export function buildRows(items: readonly TimelineItem[], options: Options): readonly Row[] {
  const rows: Row[] = [];
  const unreadAt = firstUnread(items, options.readMarker);
  if (options.atStart) rows.push({ kind: "start", id: "start" });
  let day = -1;
  items.forEach((item, index) => {
    if (dayOf(item.at) !== day) {
      day = dayOf(item.at);
      // Clocks may disagree and a day come back: the index keeps the keys distinct.
      rows.push({ kind: "day", id: `day ${day} ${item.id}`, at: item.at });
    }
    if (index === unreadAt) rows.push({ kind: "unread", id: "unread" });
    if (item.content.kind === "state") pushChange(rows, item);
    else pushMessage(rows, item);
  });
  return foldUnreadable(rows, options.opened ?? new Set());
}

const reasonOf = (row: Row | undefined): FoldedReason | null =>
  row?.kind === "message" && row.item.content.kind === "unreadable" && row.item.content.reason !== "waiting" ? row.item.content.reason : null;

function foldUnreadable(rows: readonly Row[], opened: ReadonlySet<string>): readonly Row[] {
  const result: Row[] = [];
  for (let at = 0; at < rows.length;) {
    const reason = reasonOf(rows[at]);
    let end = at + 1;
    while (reason !== null && reasonOf(rows[end]) === reason) end += 1;
    const run = rows.slice(at, end).filter((row) => row.kind === "message");
    if (reason !== null && run.length > 1) pushFold(result, reason, run, opened);
    else result.push(...rows.slice(at, end).map((row) => afterFold(result.at(-1), row)));
    at = end;
  }
  return result;
}

function pushFold(rows: Row[], reason: FoldedReason, run: readonly MessageLine[], opened: ReadonlySet<string>): void {
  const previous = rows.at(-1);
  if (previous?.kind === "message" && !previous.last) rows[rows.length - 1] = { ...previous, last: true };
  const items = run.map((row) => row.item);
  const open = items.some((item) => opened.has(item.id));
  // Named after its last message: history that is prepended may add to it and changes nothing else.
  rows.push({ kind: "unreadable", id: `unreadable ${items.at(-1)?.id ?? ""}`, reason, items, open });
  if (!open) return;
  run.forEach((row, index) => rows.push({ ...row, first: row.first || index === 0, last: row.last || index === run.length - 1 }));
}

/** A group does not reach across a folded one. */
const afterFold = (previous: Row | undefined, row: Row): Row =>
  (row.kind === "message" && !row.first && (previous?.kind === "unreadable" || (previous?.kind === "message" && previous.last)) ? { ...row, first: true } : row);

/** Every message of some rows, folded or not, once each. */
export const messagesOf = (rows: readonly Row[]): readonly TimelineItem[] =>
  rows.flatMap((row) => (row.kind === "message" ? [row.item] : row.kind === "unreadable" && !row.open ? row.items : []));

function pushChange(rows: Row[], item: TimelineItem): void {
  const previous = rows.at(-1);
  if (previous?.kind === "changes") {
    rows[rows.length - 1] = { ...previous, items: [...previous.items, item] };
  } else {
    rows.push({ kind: "changes", id: `changes ${item.id}`, items: [item] });
  }
}

function pushMessage(rows: Row[], item: TimelineItem): void {
  const previous = rows.at(-1);
  const together = previous?.kind === "message" && previous.item.sender.id === item.sender.id
    && item.at - previous.item.at < GROUP_MS;
  if (together) rows[rows.length - 1] = { ...previous, last: false };
  rows.push({ kind: "message", id: item.id, item, first: !together, last: true });
}

/** Keeps the identity of rows that did not change, so that their views are not drawn again. */
export function reuseRows(before: readonly Row[], now: readonly Row[]): readonly Row[] {
  const known = new Map(before.map((row) => [row.id, row]));
  return now.map((row) => {
    const old = known.get(row.id);
    return old && sameRow(old, row) ? old : row;
  });
}

function sameRow(a: Row, b: Row): boolean {
  if (a.kind === "message" && b.kind === "message") return a.item === b.item && a.first === b.first && a.last === b.last;
  if (a.kind === "changes" && b.kind === "changes") {
    return a.items.length === b.items.length && a.items.every((item, index) => item === b.items[index]);
  }
  if (a.kind === "unreadable" && b.kind === "unreadable") {
    return a.open === b.open && a.reason === b.reason && a.items.length === b.items.length && a.items.every((item, index) => item === b.items[index]);
  }
  return a.kind === b.kind && (a.kind !== "day" || b.kind !== "day" || a.at === b.at);
}
