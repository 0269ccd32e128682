// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Core } from "../core/port/core.ts";
import type { Contact } from "../core/port/invites.ts";
import { Cell } from "../core/port/observable.ts";
import type { RoomDetails, RoomPort } from "../core/port/rooms.ts";
import { CoreError } from "../core/port/session.ts";
import { RoomViewModel } from "./room.ts";

const CAMILLE = { id: "@camille:x", name: "Camille", avatar: null };
const DETAILS = {
  id: "!r:x", name: "Salon", direct: false, otherUserId: null, memberCount: 1, myPower: 100, guests: "closed", pending: [], rights: { invite: true },
  members: [{ ...CAMILLE, membership: "join", power: 100, role: "admin", guest: false }],
} as unknown as RoomDetails;

function make(change: Partial<RoomPort> = {}) {
  const calls: string[] = [];
  const details = new Cell(DETAILS);
  const room = {
    details, loadMembers: async () => undefined, dispose: () => undefined,
    invite: async (target: object) => { calls.push(`invite ${Object.values(target)[0]}`); },
    openToGuests: async () => { calls.push("open"); details.update((old) => ({ ...old, guests: "open" })); },
    withdraw: async (token: string) => { calls.push(`withdraw ${token}`); }, ...change,
  } as unknown as RoomPort;
  const directory = {
    people: async () => [],
    contact: async (address: string): Promise<Contact> => ({ kind: "address", address, standing: address.endsWith("gouv.fr") ? "agent" : "guest", organisation: "" }),
  };
  const core = { directory, allowances: new Cell({ mail: true }), encryption: { trustChanges: new Cell(0) } } as unknown as Core;
  return { vm: new RoomViewModel(core, room), calls };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a guest is not invited into a closed room before somebody agrees to open it, and it is opened first", async () => {
  const { vm, calls } = make();
  vm.invitees.paste("lea@x.gouv.fr, eve@acme.fr");
  await vi.runAllTimersAsync();
  expect(vm.get().needsOpening).toBe(true);
  await vm.invite();
  expect(calls).toEqual([]);
  vm.setOpening(true);
  await vm.invite();
  expect(calls).toEqual(["open", "invite lea@x.gouv.fr", "invite eve@acme.fr"]);
  expect(vm.get()).toMatchObject({ needsOpening: false, opening: false, invitees: { entries: [], sent: ["lea@x.gouv.fr", "eve@acme.fr"] } });
});

test("who turns out to be a guest can be let in after all", async () => {
  let refused = true;
  const { vm, calls } = make({ invite: async (target) => { if (refused) throw new CoreError("agentsOnly"); calls.push(`invite ${Object.values(target)[0]}`); } });
  vm.invitees.choose({ id: "@eve:x", name: "Ève", avatar: null, organisation: "x" });
  await vm.invite();
  expect(vm.get()).toMatchObject({ needsOpening: true, opening: false, invitees: { entries: [{ key: "@eve:x", fate: "guest", outcome: "agentsOnly" }] } });
  refused = false;
  await vm.invite();
  expect(calls).toEqual([]);
  vm.setOpening(true);
  await vm.invite();
  expect(calls).toEqual(["open", "invite @eve:x"]);
  expect(vm.get().invitees).toMatchObject({ entries: [], sent: ["Ève"] });
});

test("nobody is invited when the room cannot be opened", async () => {
  const { vm, calls } = make({ openToGuests: async () => { throw new CoreError("forbidden"); } });
  vm.invitees.paste("eve@acme.fr");
  await vi.runAllTimersAsync();
  vm.setOpening(true);
  await vm.invite();
  expect(calls).toEqual([]);
  expect(vm.get()).toMatchObject({ failure: "forbidden", busy: false, invitees: { entries: [{ key: "eve@acme.fr" }] } });
});

test("agreeing to open is asked anew once the guest was taken from the list", async () => {
  const { vm } = make();
  vm.invitees.paste("eve@acme.fr");
  await vi.runAllTimersAsync();
  vm.setOpening(true);
  vm.invitees.remove("eve@acme.fr");
  vm.invitees.paste("zoe@acme.fr");
  await vi.runAllTimersAsync();
  expect(vm.get()).toMatchObject({ needsOpening: true, opening: false });
});

test("a pending invitation is sent again and taken back; without its address it is not sent", async () => {
  const { vm, calls } = make();
  const pending = { token: "t", label: "l...@x...", address: "lea@x.gouv.fr", by: CAMILLE, at: 0 };
  await vm.inviteAgain(pending);
  expect(vm.get().sentAgain).toBe("lea@x.gouv.fr");
  await vm.inviteAgain({ ...pending, address: null });
  await vm.withdraw(pending);
  expect(calls).toEqual(["invite lea@x.gouv.fr", "withdraw t"]);
});
