// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { UnreadableReason } from "../core/port/content.ts";
import type { TimelineItem } from "../core/port/timeline.ts";
import { buildRows, firstUnread, messagesOf, reuseRows } from "./rows.ts";

interface Seed { readonly lost: UnreadableReason | null; readonly mine: boolean; readonly state: boolean; readonly gap: number; readonly sender: number }

const seed = fc.record({ lost: fc.constantFrom<(UnreadableReason | null)[]>(null, null, "unknown", "beforeYouJoined", "waiting"), mine: fc.boolean(), state: fc.boolean(), gap: fc.integer({ min: 0, max: 100_000_000 }), sender: fc.integer({ min: 0, max: 3 }) });
const START = Date.UTC(2026, 5, 1, 8);

function items(seeds: readonly Seed[]): TimelineItem[] {
  let at = START;
  return seeds.map((one, index) => {
    at += one.gap;
    return item(`$${index}`, { at, mine: one.mine, state: one.state, ...(one.lost && !one.state ? { lost: one.lost } : {}), sender: one.mine ? "@me:x" : `@${one.sender}:x` });
  });
}

function item(id: string, options: { at?: number; mine?: boolean; state?: boolean; sender?: string; lost?: UnreadableReason } = {}): TimelineItem {
  const sender = options.sender ?? "@a:x";
  return {
    id, eventId: id, sender: { id: sender, name: sender, avatar: null }, mine: options.mine ?? false, at: options.at ?? START,
    content: options.lost ? { kind: "unreadable", reason: options.lost } : options.state ? { kind: "state", change: { change: "created" } } : { kind: "text", style: "plain", body: id, rich: [id], bigEmoji: false },
    edited: false, mentionsMe: false, reply: null, reactions: [], readers: [], send: null, shield: null, canEdit: false, canDelete: false,
  };
}

describe("rows", () => {
  it("show every item exactly once, in order", () => {
    fc.assert(fc.property(fc.array(seed), (seeds) => {
      const all = items(seeds);
      const shown = buildRows(all, { readMarker: null, atStart: true })
        .flatMap((row) => (row.kind === "message" ? [row.item] : row.kind === "changes" || row.kind === "unreadable" ? row.items : []));
      expect(shown).toEqual(all);
    }));
  });

  it("have distinct keys, whatever the clocks say", () => {
    fc.assert(fc.property(fc.array(seed), fc.array(fc.integer({ min: -2e9, max: 2e9 })), (seeds, shifts) => {
      const all = items(seeds).map((one, index) => ({ ...one, at: one.at + (shifts[index] ?? 0) }));
      const ids = buildRows(all, { readMarker: "$0", atStart: true }).map((row) => row.id);
      expect(new Set(ids).size).toBe(ids.length);
    }));
  });

  it("have at most one unread line, and only someone else's message right after it", () => {
    fc.assert(fc.property(fc.array(seed), fc.nat(), (seeds, at) => {
      const all = items(seeds);
      const rows = buildRows(all, { readMarker: all.length > 0 ? `$${at % all.length}` : null, atStart: false });
      const lines = rows.flatMap((row, index) => (row.kind === "unread" ? [index] : []));
      expect(lines.length).toBeLessThanOrEqual(1);
      for (const line of lines) {
        const next = rows[line + 1];
        expect(["message", "unreadable"]).toContain(next?.kind);
        if (next?.kind === "unreadable") expect(next.items[0]?.mine).toBe(false);
        if (next?.kind === "message") expect(next.item.mine).toBe(false);
      }
    }));
  });

  it("never call unread what came before one's own last message", () => {
    fc.assert(fc.property(fc.array(seed, { minLength: 1 }), fc.nat(), (seeds, at) => {
      const all = items(seeds);
      const found = firstUnread(all, `$${at % all.length}`);
      if (found < 0) return;
      expect(found).toBeGreaterThan(at % all.length);
      expect(found).toBeGreaterThan(all.findLastIndex((one) => one.mine && one.content.kind !== "state"));
    }));
  });

  it("keep their identity when nothing about them changed", () => {
    fc.assert(fc.property(fc.array(seed), (seeds) => {
      const all = items(seeds);
      const first = buildRows(all, { readMarker: null, atStart: true });
      const again = reuseRows(first, buildRows(all, { readMarker: null, atStart: true }));
      expect(again.every((row, index) => row === first[index])).toBe(true);
    }));
  });

  it("keep the identity of what was there when history is prepended", () => {
    fc.assert(fc.property(fc.array(seed, { minLength: 2 }), fc.integer({ min: 1, max: 20 }), (seeds, cut) => {
      const all = items(seeds);
      const later = all.slice(cut);
      const before = buildRows(later, { readMarker: null, atStart: false });
      const after = reuseRows(before, buildRows(all, { readMarker: null, atStart: false }));
      // The first group may join with what came before it; every later message is the same object.
      const kept = before.filter((row) => row.kind === "message").slice(1);
      for (const row of kept) expect(after).toContain(row);
    }));
  });

  it("fold what cannot be read for one reason, and nothing else", () => {
    fc.assert(fc.property(fc.array(seed), fc.array(fc.nat()), (seeds, openAt) => {
      const all = items(seeds);
      const opened = new Set(openAt.map((at) => `$${at % Math.max(1, all.length)}`));
      const rows = buildRows(all, { readMarker: null, atStart: false, opened });
      for (const row of rows) {
        if (row.kind !== "unreadable") continue;
        expect(row.items.length).toBeGreaterThan(1);
        for (const one of row.items) expect(one.content).toEqual({ kind: "unreadable", reason: row.reason });
        expect(row.open).toBe(row.items.some((one) => opened.has(one.id)));
      }
      expect(messagesOf(rows)).toEqual(all.filter((one) => one.content.kind !== "state"));
      // Two alike in a row are never left side by side, unless their fold is open or a line stands between them.
      rows.forEach((row, index) => {
        const next = rows[index + 1];
        if (row.kind !== "message" || next?.kind !== "message") return;
        const [a, b] = [row.item.content, next.item.content];
        const alike = a.kind === "unreadable" && b.kind === "unreadable" && a.reason === b.reason && a.reason !== "waiting";
        if (alike) expect(rows.some((one) => one.kind === "unreadable" && one.open && one.items.includes(row.item) && one.items.includes(next.item))).toBe(true);
      });
    }));
  });

  it("end and begin a group at a fold", () => {
    const lost = { lost: "unknown" } as const;
    const seen = [item("$1"), item("$2", lost), item("$3", lost), item("$4")];
    const groups = (opened: ReadonlySet<string>) => buildRows(seen, { readMarker: null, atStart: false, opened })
      .flatMap((row) => (row.kind === "message" ? [[row.id, row.first, row.last]] : []));
    expect(groups(new Set())).toEqual([["$1", true, true], ["$4", true, true]]);
    expect(groups(new Set(["$2"]))).toEqual([["$1", true, true], ["$2", true, false], ["$3", false, true], ["$4", true, true]]);
  });

  it("keep the name of a fold when history joins it", () => {
    const lost = { lost: "unknown" } as const;
    const fold = (all: readonly TimelineItem[]) => buildRows(all, { readMarker: null, atStart: false }).find((row) => row.kind === "unreadable")?.id;
    expect(fold([item("$0", lost), item("$1", lost), item("$2", lost)])).toBe(fold([item("$1", lost), item("$2", lost)]));
  });

  it("group one person's messages and open each day", () => {
    const rows = buildRows([
      item("$1", { at: START }), item("$2", { at: START + 1000 }), item("$3", { at: START + 2000, sender: "@b:x" }),
      item("$4", { at: START + 86_400_000 }),
    ], { readMarker: "$2", atStart: true });
    expect(rows.map((row) => row.kind)).toEqual(["start", "day", "message", "message", "unread", "message", "day", "message"]);
    const messages = rows.filter((row) => row.kind === "message");
    expect(messages.map((row) => [row.first, row.last])).toEqual([[true, false], [false, true], [true, true], [true, true]]);
  });
});
