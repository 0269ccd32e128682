// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Core } from "../core/port/core.ts";
import type { Contact } from "../core/port/invites.ts";
import { Cell } from "../core/port/observable.ts";
import type { CreatedRoom, NewRoom } from "../core/port/rooms.ts";
import { CreateViewModel } from "./create.ts";

const CONTACT: Contact = { kind: "address", address: "eve@acme.fr", standing: "guest", organisation: "" };

function make({ accessRules = true, refused = [] as CreatedRoom["refused"] } = {}) {
  const opened: string[] = [];
  const made: NewRoom[] = [];
  const asked: string[] = [];
  const core = {
    account: { userId: "@camille:x" },
    allowances: new Cell({ mail: true, guest: false, accessRules, rename: true }),
    directory: {
      people: async (query: string) => { asked.push(query); return []; },
      contact: async (address: string) => { asked.push(address); return { ...CONTACT, address }; },
      publicRooms: async () => [],
    },
    rooms: {
      create: async (room: NewRoom) => { made.push(room); return { id: "!r:x", refused }; },
      createDirect: async (target: object) => `!direct-${Object.values(target)[0]}`,
    },
  } as unknown as Core;
  return { vm: new CreateViewModel(core, (id) => opened.push(id)), opened, made, asked };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("the directory is asked once typing rests; an address without account offers to write to it", async () => {
  const { vm, asked, opened } = make();
  for (const query of ["ev", "eve", "Eve@acme.fr"]) vm.setQuery(query);
  await vi.runAllTimersAsync();
  expect(asked).toEqual(["eve@acme.fr"]);
  expect(vm.get()).toMatchObject({ address: { standing: "guest" }, people: null, searching: false });
  await vm.write({ address: "eve@acme.fr" });
  expect(opened).toEqual(["!direct-eve@acme.fr"]);
});

test("a guest among the invited holds a room back until it is open to guests", async () => {
  const { vm, made } = make();
  vm.setStep("room");
  vm.setName("Projet");
  vm.invitees.paste("eve@acme.fr");
  await vi.runAllTimersAsync();
  await vm.create();
  expect(vm.get().guestsMissing).toBe(true);
  expect(made).toEqual([]);
  vm.setGuests(true);
  await vm.create();
  expect(made).toMatchObject([{ kind: "secure", guests: true, invite: [{ address: "eve@acme.fr" }] }]);
});

test("a public room never takes guests, and a server without these rules is asked for nothing", async () => {
  const strict = make();
  strict.vm.setGuests(true);
  strict.vm.setKind("public");
  strict.vm.setName("Forum");
  await strict.vm.create();
  expect(strict.made).toMatchObject([{ kind: "public", guests: false }]);
  const plain = make({ accessRules: false });
  plain.vm.setName("Projet");
  plain.vm.invitees.paste("eve@acme.fr");
  await vi.runAllTimersAsync();
  await plain.vm.create();
  expect(plain.made).toMatchObject([{ guests: false, invite: [{ address: "eve@acme.fr" }] }]);
});

test("who could not be invited is said before the new room opens", async () => {
  const { vm, opened } = make({ accessRules: false, refused: [{ target: { address: "eve@acme.fr" }, failure: "limit" }] });
  vm.setName("Projet");
  vm.invitees.paste("eve@acme.fr, zoe@acme.fr");
  await vi.runAllTimersAsync();
  await vm.create();
  expect(opened).toEqual([]);
  expect(vm.get()).toMatchObject({ step: "made", invitees: { entries: [{ key: "eve@acme.fr", outcome: "limit" }] } });
  vm.openMade();
  expect(opened).toEqual(["!r:x"]);
});
