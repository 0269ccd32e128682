// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "vitest";
import type { Core } from "../core/port/core.ts";
import type { Confirmation, EncryptionPort, EncryptionStatus, VerificationFlow } from "../core/port/encryption.ts";
import { Cell } from "../core/port/observable.ts";
import { CoreError } from "../core/port/session.ts";
import { EncryptionViewModel } from "./encryption.ts";

const WEEK_MS = 7 * 24 * 60 * 60 * 1_000;

function make(change: Partial<EncryptionPort> = {}, { memory = new Map<string, string>(), now = WEEK_MS * 100 } = {}) {
  const status = new Cell<EncryptionStatus>({ phase: "loading", hasRecovery: false, otherDevices: false, restoring: null });
  const encryption = { status, verification: new Cell<VerificationFlow | null>(null), setUp: async () => "EsTo", ...change } as unknown as EncryptionPort;
  const core = { encryption, account: { key: "k", userId: "@a:x", deviceId: "D" } } as unknown as Core;
  const vm = new EncryptionViewModel(core, {
    read: (key) => memory.get(key) ?? null, write: (key, value) => { if (value === null) memory.delete(key); else memory.set(key, value); },
  }, () => now);
  const become = (phase: EncryptionStatus["phase"]): void => status.set({ ...status.get(), phase });
  return { vm, become, memory };
}

const name = (vm: EncryptionViewModel): string => vm.get().state.name;

describe("encryption screens", () => {
  test("ask once, not at each start; a week later they ask again", () => {
    const first = make();
    first.become("fresh");
    expect(name(first.vm)).toBe("offerSetUp");
    first.vm.later();
    expect(name(first.vm)).toBe("hidden");
    const soon = make({}, { memory: first.memory, now: WEEK_MS * 100 + 1_000 });
    soon.become("fresh");
    expect(name(soon.vm)).toBe("hidden");
    soon.vm.attend();
    expect(name(soon.vm)).toBe("offerSetUp");
    const late = make({}, { memory: first.memory, now: WEEK_MS * 101 + 1 });
    late.become("fresh");
    expect(name(late.vm)).toBe("offerSetUp");
  });

  test("an account whose identity is made is offered a code, and put off keeps only the reminder", () => {
    const first = make();
    first.become("noRecovery");
    expect(name(first.vm)).toBe("offerSetUp");
    first.become("noRecovery");
    expect(name(first.vm)).toBe("offerSetUp");
    first.vm.later();
    first.become("noRecovery");
    expect(first.vm.get()).toMatchObject({ state: { name: "hidden" }, bannerHidden: false });
    const elsewhere = make();
    elsewhere.become("noRecovery");
    elsewhere.become("ready");
    expect(name(elsewhere.vm)).toBe("hidden");
  });

  test("a device that was confirmed is told so before it is offered a code", () => {
    const { vm, become } = make();
    become("unverified");
    become("noRecovery");
    expect(name(vm)).toBe("ready");
    vm.send({ type: "finish" });
    become("noRecovery");
    expect(name(vm)).toBe("offerSetUp");
  });

  test("set up shows the code until it is kept, even when the account became safe meanwhile", async () => {
    const { vm, become } = make();
    become("fresh");
    vm.send({ type: "start" });
    await expect.poll(() => name(vm)).toBe("showCode");
    become("ready");
    vm.later();
    expect(vm.get().state).toMatchObject({ name: "showCode", code: "EsTo" });
    vm.send({ type: "keepCode", kept: true });
    vm.send({ type: "finish" });
    expect(name(vm)).toBe("hidden");
  });

  test("a page that goes away while the code is shown asks at the next start whether it was kept", async () => {
    const first = make();
    first.become("fresh");
    first.vm.send({ type: "start" });
    await expect.poll(() => name(first.vm)).toBe("showCode");
    const again = make({ renewCode: async () => "EsTn" }, { memory: first.memory });
    again.become("ready");
    expect(again.vm.get().state).toEqual({ name: "warnRenew", unsure: true });
    again.vm.later();
    expect(again.vm.get()).toMatchObject({ state: { name: "hidden" }, codeUnsure: true });
    again.vm.attend();
    again.vm.send({ type: "confirmRenew" });
    await expect.poll(() => again.vm.get().state).toMatchObject({ name: "showCode", code: "EsTn" });
    again.vm.send({ type: "keepCode", kept: true });
    again.vm.send({ type: "finish" });
    const last = make({}, { memory: first.memory });
    last.become("ready");
    expect(last.vm.get()).toMatchObject({ state: { name: "hidden" }, codeUnsure: false });
  });

  test("who says that the code was kept is not asked again, and whoever gave up the set-up is not asked at all", async () => {
    const memory = new Map([["encryption.codeUnsure", "1"]]);
    const sure = make({}, { memory });
    sure.become("ready");
    sure.vm.send({ type: "finish" });
    expect(memory.has("encryption.codeUnsure")).toBe(false);
    const { vm, become, memory: kept } = make({
      setUp: async (confirmation: Confirmation) => { await confirmation.password(); throw new CoreError("forbidden", "cancelled"); },
    });
    become("fresh");
    vm.send({ type: "start" });
    await expect.poll(() => name(vm)).toBe("password");
    vm.later();
    await expect.poll(() => kept.has("encryption.codeUnsure")).toBe(false);
  });

  test("the server's wish for a password, then for its page, is passed on and answered", async () => {
    const heard: unknown[] = [];
    const { vm, become } = make({
      setUp: async (confirmation: Confirmation) => {
        heard.push(await confirmation.password(), await confirmation.password(), await confirmation.page("https://x/"));
        return "EsTo";
      },
    });
    become("fresh");
    vm.send({ type: "start" });
    await expect.poll(() => vm.get().state).toMatchObject({ name: "password", again: false });
    vm.submitPassword("wrong");
    await expect.poll(() => vm.get().state).toMatchObject({ name: "password", again: true });
    vm.submitPassword("right");
    await expect.poll(() => vm.get().state).toMatchObject({ name: "page", url: "https://x/" });
    vm.visited();
    await expect.poll(() => name(vm)).toBe("showCode");
    expect(heard).toEqual(["wrong", "right", true]);
  });

  test("giving up in the middle is no failure", async () => {
    const { vm, become } = make({
      setUp: async (confirmation: Confirmation) => {
        if ((await confirmation.password()) === null) throw new CoreError("forbidden", "cancelled");
        return "EsTo";
      },
    });
    become("fresh");
    vm.send({ type: "start" });
    await expect.poll(() => name(vm)).toBe("password");
    vm.later();
    await Promise.resolve();
    expect(name(vm)).toBe("hidden");
  });

  test("a wrong code is said, a failure offers to try again", async () => {
    let outcome: CoreError | null = new CoreError("credentials");
    const { vm, become } = make({ recover: async () => { if (outcome) throw outcome; } });
    become("unverified");
    vm.send({ type: "useCode" });
    vm.submitCode("x");
    await expect.poll(() => vm.get().state).toMatchObject({ name: "enterCode", wrong: true });
    expect(vm.get().typed).toBe("x");
    outcome = new CoreError("offline");
    vm.submitCode("x");
    await expect.poll(() => vm.get().state).toMatchObject({ name: "failed", kind: "offline" });
    vm.send({ type: "retry" });
    vm.send({ type: "useCode" });
    outcome = null;
    vm.submitCode("x");
    await expect.poll(() => name(vm)).toBe("ready");
    expect(vm.get().typed).toBe("");
  });
});
