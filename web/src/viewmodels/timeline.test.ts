// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Cell } from "../core/port/observable.ts";
import type { TimelineItem, TimelinePort, TimelineState } from "../core/port/timeline.ts";
import { TimelineViewModel } from "./timeline.ts";

function item(index: number, change: Partial<TimelineItem> = {}): TimelineItem {
  const id = `$${index}`;
  return {
    id, eventId: id, sender: { id: "@jean:x", name: "Jean", avatar: null }, mine: false, at: index * 1_000,
    content: { kind: "text", style: "plain", body: id, rich: [id], bigEmoji: false }, edited: false, mentionsMe: false, reply: null,
    reactions: [], readers: [], send: null, shield: null, canEdit: false, canDelete: false, ...change,
  };
}

const range = (from: number, to: number): readonly TimelineItem[] => Array.from({ length: to - from }, (_, index) => item(from + index));

function make(items: readonly TimelineItem[], change: Partial<TimelineState> = {}) {
  const state = new Cell<TimelineState>({ items, atStart: false, atEnd: true, loading: false, readMarker: null, markerBefore: false, ...change });
  const marked: string[] = [];
  const older: (() => void)[] = [];
  const port = {
    state,
    markReadUpTo: async (eventId: string) => { marked.push(eventId); },
    paginate: () => new Promise<void>((resolve) => { older.push(resolve); }),
    focus: async (eventId: string) => state.get().items.some((one) => one.eventId === eventId),
    permalink: (eventId: string) => `https://x/${eventId}`,
    jumpToLive: async () => undefined,
  } as unknown as TimelinePort;
  const vm = new TimelineViewModel(port, null);
  const show = (next: readonly TimelineItem[], more: Partial<TimelineState> = {}): void => state.set({ ...state.get(), items: next, ...more });
  return { vm, marked, older, show };
}

describe("a conversation being read: read only when read, new only when new", () => {
  test("nothing is marked as read while nobody looks", () => {
    const { vm, marked, show } = make(range(0, 3));
    vm.setAtBottom(true);
    show(range(0, 5));
    expect(marked).toEqual([]);
    vm.setAttentive(true);
    expect(marked.at(-1)).toBe("$4");
  });

  test("what comes while older messages are read is counted, and not marked", () => {
    const { vm, marked, show } = make(range(0, 3));
    vm.setAttentive(true);
    vm.setAtBottom(true);
    vm.setAtBottom(false);
    show([...range(0, 5), item(5, { mine: true })]);
    expect(vm.get().newBelow).toBe(2);
    expect(marked.at(-1)).toBe("$2");
    vm.setAtBottom(true);
    expect(vm.get().newBelow).toBe(0);
    expect(marked.at(-1)).toBe("$5");
  });

  test("history that is fetched is not news", async () => {
    const { vm, older, show } = make(range(50, 60));
    vm.setAttentive(true);
    vm.setAtBottom(true);
    vm.setAtBottom(false);
    const loading = vm.loadOlder();
    void vm.loadOlder();
    expect(older.length).toBe(1);
    show(range(10, 60));
    older[0]?.();
    await loading;
    expect(vm.get()).toMatchObject({ newBelow: 0, loadingOlder: false });
    show(range(10, 61));
    expect(vm.get().newBelow).toBe(1);
  });

  test("what comes while history is fetched is news", async () => {
    const { vm, older, show } = make(range(50, 60));
    vm.setAtBottom(true);
    vm.setAtBottom(false);
    const loading = vm.loadOlder();
    show(range(50, 61));
    show(range(10, 61));
    older[0]?.();
    await loading;
    expect(vm.get().newBelow).toBe(1);
  });

  test("the last message is marked once, whatever order things happen in", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("bottom" as const), on: fc.boolean() }),
      fc.record({ kind: fc.constant("attentive" as const), on: fc.boolean() }),
      fc.record({ kind: fc.constant("message" as const), on: fc.boolean() }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { vm, marked, show } = make(range(0, 2));
      vm.setAtBottom(false);
      vm.setAttentive(false);
      let count = 2;
      let [bottom, attentive] = [false, false];
      for (const one of steps) {
        const before = marked.length;
        if (one.kind === "bottom") { bottom = one.on; vm.setAtBottom(one.on); }
        if (one.kind === "attentive") { attentive = one.on; vm.setAttentive(one.on); }
        if (one.kind === "message") { count += 1; show(range(0, count)); }
        if (!bottom || !attentive) expect(marked.length).toBe(before);
        else expect(marked.at(-1)).toBe(`$${count - 1}`);
      }
      expect(new Set(marked).size).toBe(marked.length);
    }));
  });

  test("a link to a message that cannot be found says so", async () => {
    const { vm } = make(range(0, 3));
    await vm.focus("$1");
    expect(vm.get().highlighted).toBe("$1");
    await vm.focus("$99");
    expect(vm.get().failure).toBe("notFound");
  });

  test("messages that cannot be read open and close, and a link opens them", async () => {
    const lost = (index: number) => item(index, { content: { kind: "unreadable", reason: "unknown" } });
    const { vm, show } = make([item(0), lost(1), lost(2), lost(3), item(4)]);
    const kinds = () => vm.get().rows.flatMap((row) => (row.kind === "day" ? [] : [row.id]));
    expect(kinds()).toEqual(["$0", "unreadable $3", "$4"]);
    vm.toggleFold("unreadable $3");
    expect(kinds()).toEqual(["$0", "unreadable $3", "$1", "$2", "$3", "$4"]);
    vm.toggleFold("unreadable $3");
    expect(kinds()).toEqual(["$0", "unreadable $3", "$4"]);
    await vm.focus("$2");
    expect(vm.get().target?.rowId).toBe("$2");
    expect(kinds()).toContain("$2");
    // One of them becomes readable: what is left stays open.
    show([item(0), lost(1), lost(2), item(3), item(4)]);
    expect(kinds()).toEqual(["$0", "unreadable $2", "$1", "$2", "$3", "$4"]);
  });

  test("the up arrow edits the last own message that can be edited", () => {
    const { vm } = make([item(0, { mine: true, canEdit: true }), item(1), item(2, { mine: true, eventId: null, canEdit: true })]);
    expect(vm.lastEditable()?.id).toBe("$0");
  });
});
