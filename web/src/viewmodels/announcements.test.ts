// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { TimelineItem } from "../core/port/timeline.ts";
import { type Heard, newMessages } from "./announcements.ts";
import type { Row } from "./rows.ts";

const row = (id: string, change: Partial<TimelineItem> = {}): Row => ({
  kind: "message", id, first: true, last: true,
  item: { id, mine: false, content: { kind: "text", style: "plain", body: id, rich: [id], bigEmoji: false }, ...change } as TimelineItem,
});

/** What is read aloud at each step. */
function listen(...steps: readonly (readonly Row[])[]): readonly (readonly string[])[] {
  let heard: Heard | null = null;
  return steps.map((rows) => {
    const next = newMessages(heard, rows);
    heard = next.heard;
    return next.items.map((item) => item.id);
  });
}

const UNREADABLE: Partial<TimelineItem> = { content: { kind: "unreadable", reason: "waiting" } };

// A listener would hear history again, or miss the first message, a late key, or all but the last of a burst.
test("news is read once: not history, not one's own, each of a burst, the late one when it can be read", () => {
  expect(listen([row("a")], [row("a"), row("b"), row("c")], [row("a"), row("b"), row("c")])).toEqual([[], ["b", "c"], []]);
  expect(listen([], [row("first")])).toEqual([[], ["first"]]);
  expect(listen([row("b")], [row("old"), row("a"), row("b")])).toEqual([[], []]);
  expect(listen([row("a")], [row("a"), row("mine", { mine: true })])).toEqual([[], []]);
  expect(listen([row("a")], [row("a"), row("k", UNREADABLE)], [row("a"), row("k")], [row("a"), row("k")])).toEqual([[], [], ["k"], []]);
  expect(listen([row("a")], [row("a"), row("k", UNREADABLE), row("c")], [row("a"), row("k"), row("c")])).toEqual([[], ["c"], ["k"]]);
  expect(listen([row("a")], [row("x"), row("y")])).toEqual([[], []]);
});
