// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { DirectoryPort } from "../core/port/core.ts";
import type { Contact, DirectoryPerson } from "../core/port/invites.ts";
import { CoreError } from "../core/port/session.ts";
import { InviteesViewModel, MAX_ENTRIES, readTargets, SEARCH_REST_MS, sendable, targetOf } from "./invitees.ts";

const JEAN: DirectoryPerson = { id: "@jean:x", name: "Jean Martin", avatar: null, organisation: "Intérieur" };
const CONTACTS: Readonly<Record<string, Contact>> = {
  "jean@gouv.fr": { kind: "person", person: JEAN },
  "lea@gouv.fr": { kind: "address", address: "lea@gouv.fr", standing: "agent", organisation: "Ministère" },
  "eve@acme.fr": { kind: "address", address: "eve@acme.fr", standing: "guest", organisation: "Invités" },
  "zoe@nowhere.fr": { kind: "address", address: "zoe@nowhere.fr", standing: "nobody", organisation: "" },
};

function make(change: { inside?: string[]; mail?: boolean; directory?: Partial<DirectoryPort> } = {}) {
  const asked: string[] = [];
  const directory: DirectoryPort = {
    people: async (query) => { asked.push(query); return query === JEAN.id || "jean martin".startsWith(query.toLowerCase()) ? [JEAN] : []; },
    contact: async (address) => CONTACTS[address] ?? { kind: "address", address, standing: "unknown", organisation: "" },
    publicRooms: async () => [], ...change.directory,
  };
  const vm = new InviteesViewModel({ directory, inside: () => new Set(change.inside ?? []), mail: () => change.mail ?? true });
  return { vm, asked };
}
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(SEARCH_REST_MS);
const fates = (vm: InviteesViewModel) => vm.get().entries.map((one) => [one.key, one.fate]);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("reading a list", () => {
  it.each([
    ["a@b.fr, C@D.fr;e@f.fr\ng@h.fr", ["a@b.fr", "c@d.fr", "e@f.fr", "g@h.fr"], ""],
    ["Jeanne Petit <Jeanne.Petit@X.fr>, @bob:x", ["jeanne.petit@x.fr", "@bob:x"], ""],
    ["a@b.fr a@B.fr", ["a@b.fr"], ""],
    ["Jean Martin, a@b.fr", ["a@b.fr"], "Jean Martin"],
    ["a@b", [], "a@b"],
    ["a@b.fr@c.fr", [], "a@b.fr@c.fr"],
    [" ,; ", [], ""],
  ] as const)("%j", (text, targets, rest) => expect(readTargets(text)).toEqual({ targets, rest }));

  it("finds every address whatever separates them, and loses no word", () => {
    const address = fc.stringMatching(/^[a-z][a-z0-9.]{0,8}[a-z]@[a-z]{2,8}\.fr$/);
    fc.assert(fc.property(fc.array(address, { minLength: 1, maxLength: 20 }), fc.constantFrom(",", ";", "\n", ", ", " ;\n"), (list, separator) => {
      expect(readTargets(list.map((one) => one.toUpperCase()).join(separator)).targets).toEqual([...new Set(list)]);
    }));
  });
});

describe("what will happen", () => {
  it("is said of each address, and nobody who cannot be invited is sent to", async () => {
    const { vm } = make();
    vm.paste("jean@gouv.fr, Lea@Gouv.fr\neve@acme.fr;zoe@nowhere.fr");
    await settle();
    expect(fates(vm)).toEqual([["jean@gouv.fr", "person"], ["lea@gouv.fr", "agent"], ["eve@acme.fr", "guest"], ["zoe@nowhere.fr", "nobody"]]);
    expect(vm.get().text).toBe("");
    expect(vm.get().entries.filter(sendable).map(targetOf)).toEqual([{ userId: "@jean:x" }, { address: "lea@gouv.fr" }, { address: "eve@acme.fr" }]);
  });

  it("knows who is there already, and takes two names of one person for one", async () => {
    const inside = make({ inside: ["@jean:x"] });
    inside.vm.paste("jean@gouv.fr");
    await settle();
    expect(fates(inside.vm)).toEqual([["jean@gouv.fr", "inside"]]);
    const { vm } = make();
    vm.choose(JEAN);
    vm.paste("jean@gouv.fr, @jean:x");
    await settle();
    expect(vm.get().entries).toHaveLength(1);
  });

  it("says so where the server sends no mail, and still finds accounts", async () => {
    const { vm } = make({ mail: false });
    vm.paste("jean@gouv.fr, lea@gouv.fr");
    await settle();
    expect(fates(vm)).toEqual([["jean@gouv.fr", "person"], ["lea@gouv.fr", "noMail"]]);
  });

  it("leaves an address sendable when asking about it fails", async () => {
    const { vm } = make({ directory: { contact: async () => { throw new CoreError("limit"); } } });
    vm.paste("lea@gouv.fr");
    await settle();
    expect(fates(vm)).toEqual([["lea@gouv.fr", "unknown"]]);
    expect(vm.get().failure).toBe("limit");
  });

  it("keeps what is too much in the field", async () => {
    const { vm } = make();
    vm.paste(Array.from({ length: MAX_ENTRIES + 2 }, (_, index) => `a${index}@b.fr`).join(","));
    expect(vm.get().entries).toHaveLength(MAX_ENTRIES);
    expect(vm.get().text).toBe(`a${MAX_ENTRIES}@b.fr, a${MAX_ENTRIES + 1}@b.fr`);
  });
});

describe("typing", () => {
  it("asks the directory once typing rests, and forgets late answers", async () => {
    const { vm, asked } = make();
    for (const text of ["je", "jea", "jean"]) vm.setText(text);
    await settle();
    expect(asked).toEqual(["jean"]);
    expect(vm.get().suggestions).toEqual([JEAN]);
    vm.setText("j");
    expect(vm.get().suggestions).toBeNull();
  });

  it("makes an entry of an address at its separator or at Enter, never of half a word", async () => {
    const { vm } = make();
    vm.setText("lea@gouv.fr,");
    expect(vm.get()).toMatchObject({ text: "", entries: [{ key: "lea@gouv.fr" }] });
    vm.setText("jean");
    expect(vm.commit()).toBe(false);
    vm.setText("eve@acme.fr");
    expect(vm.commit()).toBe(true);
    expect(vm.get().entries.map((one) => one.key)).toEqual(["lea@gouv.fr", "eve@acme.fr"]);
  });
});

it("sends one after the other: who was invited goes, who was not stays with the reason", async () => {
  const { vm } = make();
  vm.paste("jean@gouv.fr, lea@gouv.fr, zoe@nowhere.fr");
  await settle();
  const tried: unknown[] = [];
  await vm.send(async (target) => {
    tried.push(target);
    if ("address" in target) throw new CoreError("notExpected");
  });
  expect(tried).toEqual([{ userId: "@jean:x" }, { address: "lea@gouv.fr" }]);
  expect(vm.get().sent).toEqual(["Jean Martin"]);
  expect(vm.get().entries.map((one) => [one.key, one.outcome])).toEqual([["lea@gouv.fr", "notExpected"], ["zoe@nowhere.fr", "waiting"]]);
});
