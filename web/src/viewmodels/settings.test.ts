// SPDX-License-Identifier: Apache-2.0
/** Without this: a sign-out says that nothing is lost while something is. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Connection, Core, Losses } from "../core/port/core.ts";
import { Cell } from "../core/port/observable.ts";
import { SettingsViewModel } from "./settings.ts";

let answers: (Losses | Promise<Losses>)[] = [];
let asked = 0;
const unsent = new Cell(0);
const core = {
  profile: { me: new Cell({ id: "@a:x", name: "A", avatar: null }), accountPage: async () => null },
  unsent, connection: new Cell<Connection>("online"), allowances: new Cell({ rename: true }),
  encryption: { status: new Cell({}), devices: async () => [] },
  losses: async () => { asked += 1; return await (answers.length > 1 ? answers.shift() : answers[0]); },
} as unknown as Core;
const NOTHING: Losses = { unsent: 0, keys: 0, saving: true };

beforeEach(() => { vi.useFakeTimers(); asked = 0; unsent.set(0); });
afterEach(() => void vi.useRealTimers());

const make = () => new SettingsViewModel(core, { persisted: async () => true, persist: async () => true });

test("what would be lost is looked at until it is nothing", async () => {
  answers = [{ unsent: 1, keys: 3, saving: true }, { unsent: 0, keys: 1, saving: true }, NOTHING];
  const vm = make();
  expect(vm.get().losses).toBeNull();
  vm.thinkOfLeaving();
  expect(vm.get().losses).toBe("checking");
  await vi.advanceTimersByTimeAsync(0);
  expect(vm.get().losses).toEqual({ unsent: 1, keys: 3, saving: true });
  await vi.advanceTimersByTimeAsync(1_500);
  expect(vm.get().losses).toMatchObject({ unsent: 0, keys: 1 });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(vm.get().losses).toEqual(NOTHING);
  expect(asked).toBe(3);
});

test("a message that comes to wait meanwhile is counted", async () => {
  answers = [NOTHING];
  const vm = make();
  vm.thinkOfLeaving();
  await vi.advanceTimersByTimeAsync(0);
  answers = [{ ...NOTHING, unsent: 1 }];
  unsent.set(1);
  await vi.advanceTimersByTimeAsync(0);
  expect(vm.get().losses).toMatchObject({ unsent: 1 });
});

test("a look that takes too long, or fails, is said to be none", async () => {
  answers = [new Promise<Losses>(() => undefined)];
  const vm = make();
  vm.thinkOfLeaving();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(vm.get().losses).toEqual({ unsent: null, keys: null, saving: false });
});

test("whoever stays is looked after no longer", async () => {
  answers = [{ unsent: 1, keys: 0, saving: true }];
  const vm = make();
  vm.thinkOfLeaving();
  await vi.advanceTimersByTimeAsync(0);
  vm.stayHere();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([vm.get().losses, asked]).toEqual([null, 1]);
});
