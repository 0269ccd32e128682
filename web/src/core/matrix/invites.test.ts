// SPDX-License-Identifier: Apache-2.0
import { type MatrixClient, type Room, RoomNameType, RoomStateEvent } from "matrix-js-sdk";
import { describe, expect, it, test } from "vitest";
import { emailAddress, splitName } from "../port/invites.ts";
import { readAllowances } from "./allowances.ts";
import { EmailInvites, fits } from "./email-invites.ts";
import { generatedName } from "./room-name.ts";

test.each([
  ["p...@g...", "paul@gouv.fr", true], ["p...@g...", "jean@gouv.fr", false], ["p…@g…", "paul@gouv.fr", true], ["pa...@gouv.fr", "paul@gouv.fr", true], ["", "paul@gouv.fr", true],
])("a room's %s may be %s: %s", (shown, address, possible) => expect(fits(shown, address)).toBe(possible));

test.each([
  ["Jane Smith [Intérieur]", "Jane Smith", "Intérieur"], ["Jane [x] Smith", "Jane [x] Smith", ""], ["[Intérieur]", "[Intérieur]", ""], ["Jane", "Jane", ""],
])("%s is %s of %s", (display, name, organisation) => expect(splitName(display)).toEqual({ name, organisation }));

test.each([["A.B@Gouv.FR", "a.b@gouv.fr"], ["a@b", null], ["a@b@c.fr", null], ["a b@c.fr", null], ["<a@c.fr>", null], [`${"a".repeat(250)}@c.fr`, null]])(
  "%s is taken for %s", (typed, address) => expect(emailAddress(typed)).toBe(address));

test("a server that says nothing is a plain one; what it says is heard", () => {
  expect(readAllowances({})).toEqual({ mail: false, guest: false, accessRules: false, rename: true });
  expect(readAllowances({
    "org.estafette.third_party_invites": { enabled: true, media: ["email"] }, "org.estafette.account": { guest: true },
    "im.vector.room.access_rules": { enabled: true }, "m.profile_fields": { enabled: true, disallowed: ["displayname"] },
  })).toEqual({ mail: true, guest: true, accessRules: true, rename: false });
});

test("rooms without a name are called by their people, in no language", () => {
  const name = (names: string[], count: number, subtype?: "Inviting") => generatedName({ type: RoomNameType.Generated, names, count, ...(subtype ? { subtype } : {}) });
  expect(name(["A", "B"], 2)).toBe("A, B");
  expect(name(["A", "B"], 7)).toBe("A, B +5");
  expect(name(["p...@g...", undefined as never], 3, "Inviting")).toBe("p...@g...");
  expect(generatedName({ type: RoomNameType.EmptyRoom, oldName: "A" })).toBe("A");
  expect(generatedName({ type: RoomNameType.Actual, name: "Salon" })).toBeNull();
});

/** A room whose server answers an invitation with a state event, as the specification has it. */
function play() {
  const listeners = new Set<() => void>();
  const events: { key: string; sender: string; content: object }[] = [];
  let data: Record<string, string> = {};
  const room = {
    roomId: "!r:x",
    currentState: { getStateEvents: () => events.map(({ key, sender, content }) => ({ getStateKey: () => key, getSender: () => sender, getContent: () => content, getTs: () => 1 })) },
    getAccountData: () => ({ getContent: () => data }), getMember: () => null,
    on: (event: string, listener: () => void) => { expect(event).toBe(RoomStateEvent.Events); listeners.add(listener); },
    off: (_event: string, listener: () => void) => listeners.delete(listener),
  };
  const asked: unknown[] = [];
  const put = (key: string, sender: string, content: object): void => {
    const at = events.findIndex((one) => one.key === key);
    if (at < 0) events.push({ key, sender, content });
    else events[at] = { key, sender, content };
    for (const listener of [...listeners]) listener();
  };
  const client = {
    getSafeUserId: () => "@me:x",
    http: { authedRequest: async (_method: string, path: string, _query: unknown, body: { address: string }) => {
      asked.push([path, body]);
      setTimeout(() => { put("other", "@other:x", { display_name: "l...@x..." }); put(`t${asked.length}`, "@me:x", { display_name: "l...@x..." }); }, 0);
    } },
    setRoomAccountData: async (_room: string, _type: string, content: Record<string, string>) => { data = content; },
    sendStateEvent: async (_room: string, _type: string, content: object, key: string) => put(key, "@me:x", content),
  };
  return { invites: new EmailInvites(client as unknown as MatrixClient, room as unknown as Room), asked, listeners };
}

describe("invitations by mail", () => {
  it("keeps the whole address for whoever wrote it, and tells others what the room tells", async () => {
    const { invites, asked, listeners } = play();
    await invites.send("lea@x.fr");
    expect(asked).toEqual([["/rooms/!r%3Ax/invite", { medium: "email", address: "lea@x.fr" }]]);
    expect(invites.pending().map((one) => [one.token, one.label, one.address]).sort()).toEqual([["other", "l...@x...", null], ["t1", "lea@x.fr", "lea@x.fr"]]);
    expect(listeners.size).toBe(0);
  });

  it("sends again without waiting for an event that does not come", async () => {
    const { invites, asked } = play();
    await invites.send("lea@x.fr");
    await invites.send("lea@x.fr");
    expect(asked).toHaveLength(2);
  });

  it("no longer shows what was taken back or used", async () => {
    const { invites } = play();
    await invites.send("lea@x.fr");
    await invites.withdraw("t1");
    expect(invites.pending().map((one) => one.token)).toEqual(["other"]);
  });
});
