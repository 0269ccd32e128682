// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unreadState } from "./unread.ts";

const facts = fc.array(fc.record({ mine: fc.boolean(), counts: fc.boolean() })).chain((events) => fc.record({
  serverUnread: fc.nat({ max: 500 }),
  serverMentions: fc.nat({ max: 500 }),
  markedUnread: fc.boolean(),
  events: fc.constant(events.map((event, index) => ({ id: `$${index}`, ...event }))),
  readUpTo: fc.oneof(fc.constant(null), fc.nat({ max: Math.max(0, events.length) }).map((index) => `$${index}`)),
}));

describe("unread state", () => {
  it("never exceeds what the server or the eye can count", () => {
    fc.assert(fc.property(facts, (one) => {
      const state = unreadState(one);
      expect(state.unread).toBeGreaterThanOrEqual(0);
      expect(state.unread).toBeLessThanOrEqual(one.serverUnread);
      expect(state.mentions).toBeLessThanOrEqual(state.unread);
    }));
  });

  it("is nothing once the newest message is read", () => {
    fc.assert(fc.property(facts, (one) => {
      const last = one.events.at(-1);
      if (!last) return;
      const state = unreadState({ ...one, readUpTo: last.id });
      expect([state.unread, state.mentions]).toEqual([0, 0]);
    }));
  });

  it("is nothing after one's own message, however late the server's count", () => {
    fc.assert(fc.property(facts, (one) => {
      const events = [...one.events, { id: "$own", mine: true, counts: true }];
      expect(unreadState({ ...one, events }).unread).toBe(0);
    }));
  });

  it("only shrinks as the receipt moves forward", () => {
    fc.assert(fc.property(facts, fc.nat(), fc.nat(), (one, a, b) => {
      if (one.events.length === 0) return;
      const [early, late] = [a % one.events.length, b % one.events.length].sort((x, y) => x - y);
      const at = (index: number | undefined): number => unreadState({ ...one, readUpTo: `$${index}` }).unread;
      expect(at(late)).toBeLessThanOrEqual(at(early));
    }));
  });
});
