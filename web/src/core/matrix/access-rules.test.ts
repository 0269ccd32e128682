// SPDX-License-Identifier: Apache-2.0
import { MatrixError, type Room } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { explainRefusal, guestRule, hasGuests, openedRules } from "./access-rules.ts";

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

// Otherwise whoever invites a guest reads of a right that is missing, and has it.
test.each([
  [403, "M_FORBIDDEN", "Guests may not be in this room.", "closed", "agentsOnly"],
  [403, "M_FORBIDDEN", "Guests may not be in this room.", "open", "forbidden"],
  [403, "M_FORBIDDEN", "You cannot invite.", "closed", "forbidden"],
  [403, "M_INVITE_BLOCKED", "This guest wants no invitations.", "closed", "inviteBlocked"],
  [500, "M_UNKNOWN", "A guest broke the server.", "closed", "server"],
] as const)("%d %s %j in a room that is %s to guests is %s", (status, errcode, error, rule, kind) => {
  expect(explainRefusal(new MatrixError({ errcode, error }, status), rule).kind).toBe(kind);
});

test("a room has guests while one is in it or asked into it", () => {
  const member = (membership: string, guest: boolean) => ({ membership, events: { member: { getContent: () => (guest ? { "org.estafette.guest": true } : {}) } } });
  const of = (...members: object[]) => hasGuests({ getMembers: () => members } as unknown as Room);
  expect([of(member("join", false)), of(member("join", false), member("join", true)), of(member("invite", true)), of(member("leave", true)), of(member("ban", true))])
    .toEqual([false, true, true, false, false]);
});
