// SPDX-License-Identifier: Apache-2.0
import type { Room } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { guestRule, openedRules } from "./access-rules.ts";

const room = (content: object | null): Room => ({
  currentState: { getStateEvents: () => (content ? { getContent: () => content } : null) },
}) as unknown as Room;

test.each([
  [{ rule: "restricted" }, "closed", "closed"], [{ rule: "unrestricted" }, "open", "open"], [{ rule: "direct" }, "open", "open"],
  [null, "closed", "free"], [{ rule: 4 }, "closed", "free"],
] as const)("%j: guests are %s where the server enforces it, %s elsewhere", (content, enforced, plain) => {
  expect([guestRule(room(content), true), guestRule(room(content), false)]).toEqual([enforced, plain]);
});

test("opening a room changes nothing else that its rules say", () => {
  expect(openedRules(room({ rule: "restricted", visibility: "private", force_unencrypted_at_creation: true })))
    .toEqual({ rule: "unrestricted", visibility: "private", force_unencrypted_at_creation: true });
  expect(openedRules(room(null))).toEqual({ rule: "unrestricted" });
});
