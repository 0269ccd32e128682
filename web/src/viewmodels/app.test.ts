// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "vitest";
import type { Connection, Core } from "../core/port/core.ts";
import { Cell } from "../core/port/observable.ts";
import type { AccountRef, AuthPort } from "../core/port/session.ts";
import { AppViewModel, type Lock } from "./app.ts";

const A: AccountRef = { key: "a", userId: "@a:x", deviceId: "A" };
const B: AccountRef = { key: "b", userId: "@b:x", deviceId: "B" };

function make({ held = true, broken = false, ending = Promise.resolve() } = {}) {
  const calls: string[] = [];
  let active: AccountRef | null = A;
  let lost: () => void = () => undefined;
  const auth = { active: () => active, accounts: () => [A, B], activate: (key: string) => { active = key === "a" ? A : B; }, forget: async (account: AccountRef) => { calls.push(`remove ${account.key}`); } } as unknown as AuthPort;
  const connection = new Cell<Connection>("online");
  const open = async (account: AccountRef): Promise<Core> => {
    if (broken) throw new Error("no storage");
    calls.push(`open ${account.key}`);
    return {
      account, connection, stop: () => calls.push(`stop ${account.key}`),
      signOut: async () => { calls.push(`signOut ${account.key}`); await ending; active = null; },
    } as unknown as Core;
  };
  const lockFor = (account: AccountRef): Lock => ({
    acquire: async (whenLost) => { lost = whenLost; return held; },
    take: async (whenLost) => { lost = whenLost; return true; },
    release: () => calls.push(`release ${account.key}`),
  });
  const vm = new AppViewModel({ auth, openCore: open, lockFor, restart: () => calls.push("restart"), forget: (account) => calls.push(`forget ${account.key}`) });
  return { vm, calls, connection, lose: () => lost() };
}

describe("the life of the application", () => {
  test("opens the active account; a browser that comes back from the sign-in pages signs in", async () => {
    const { vm, calls } = make();
    await vm.start(true);
    expect(vm.get().phase).toBe("signIn");
    expect(calls).toEqual([]);
    await vm.start();
    expect(vm.get().phase).toBe("open");
  });

  test("never opens an account that another tab has open, unless asked", async () => {
    const { vm, calls } = make({ held: false });
    await vm.start();
    expect(vm.get().phase).toBe("otherTab");
    expect(calls).toEqual([]);
    await vm.takeOver();
    expect(vm.get().phase).toBe("open");
  });

  test("closes at once when another tab takes over", async () => {
    const { vm, calls, lose } = make();
    await vm.start();
    lose();
    expect(vm.get().phase).toBe("otherTab");
    expect(calls).toEqual(["open a", "stop a"]);
  });

  test("signing out removes everything, then starts anew", async () => {
    const { vm, calls } = make();
    await vm.start();
    await vm.signOut();
    expect(calls).toEqual(["open a", "signOut a", "forget a", "release a", "restart"]);
  });

  test("a session that the server ended is said, and its data are removed", async () => {
    const { vm, calls, connection } = make();
    await vm.start();
    connection.set("signedOut");
    await expect.poll(() => calls).toEqual(["open a", "signOut a", "forget a", "release a"]);
    expect(vm.get().phase).toBe("signedOut");
  });

  // Without this: who is quick to sign in again reads that the account is open in another tab.
  test("nobody signs in again before what is left of the ended session is gone", async () => {
    let cleared = (): void => undefined;
    const { vm, calls, connection } = make({ ending: new Promise((resolve) => { cleared = resolve; }) });
    await vm.start();
    connection.set("signedOut");
    const again = vm.start();
    expect(vm.get().phase).toBe("signedOut");
    cleared();
    await again;
    expect(calls).toEqual(["open a", "signOut a", "forget a", "release a"]);
    expect(vm.get().phase).toBe("signIn");
  });

  test("an expired session keeps its data: the same account signs in again", async () => {
    const { vm, calls, connection } = make();
    await vm.start();
    connection.set("expired");
    expect(vm.get()).toMatchObject({ phase: "expired", account: A });
    expect(calls).toEqual(["open a", "stop a", "release a"]);
  });

  test("changing accounts closes one before it opens the other", async () => {
    const { vm, calls } = make();
    await vm.start();
    await vm.switchTo("b");
    expect(calls).toEqual(["open a", "stop a", "release a", "open b"]);
  });

  test("what cannot be opened is said, and the lock is given back", async () => {
    const { vm, calls } = make({ broken: true });
    await vm.start();
    expect(vm.get().phase).toBe("failed");
    expect(calls).toEqual(["release a"]);
  });

  test("an account that cannot be opened is not the end: it can be removed from here", async () => {
    const { vm, calls } = make({ broken: true });
    await vm.start();
    expect(vm.get()).toEqual({ phase: "failed", account: A });
    await vm.remove(A);
    expect(calls).toEqual(["release a", "remove a", "forget a", "restart"]);
  });
});
