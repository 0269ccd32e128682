// SPDX-License-Identifier: Apache-2.0
/** Without this: an account goes unwatched or stays watched, and the counts are not those of all. */
import { expect, test } from "vitest";
import type { AccountNews, AccountWatch } from "../core/port/accounts.ts";
import { Cell } from "../core/port/observable.ts";
import type { AccountRef } from "../core/port/session.ts";
import { accountLabel, OtherAccountsViewModel } from "./other-accounts.ts";

const account = (key: string, name?: string): AccountRef => ({ key, userId: `@${key}:x`, deviceId: key, ...(name ? { name } : {}) });
const turn = () => new Promise((resolve) => { setTimeout(resolve, 0); });

function make() {
  const calls: string[] = [];
  const news = new Map<string, Cell<AccountNews>>();
  const present = { accounts: [account("a"), account("b", "Bérénice"), account("c")] as readonly AccountRef[] };
  const vm = new OtherAccountsViewModel("a", {
    auth: { accounts: () => present.accounts },
    listener: { alert: () => undefined, read: () => undefined },
    watch: async ({ key }): Promise<AccountWatch> => {
      calls.push(`watch ${key}`);
      const cell = new Cell<AccountNews>({ phase: "starting", unread: 0, mentioned: false });
      news.set(key, cell);
      return { news: cell, stop: () => calls.push(`stop ${key}`) };
    },
  });
  return { vm, calls, news, present };
}

test("watches every account but the open one, and adds up what is new", async () => {
  const { vm, calls, news } = make();
  await turn();
  expect(calls).toEqual(["watch b", "watch c"]);
  expect(vm.get().accounts.map((one) => one.name)).toEqual(["Bérénice", "@c:x"]);
  expect(vm.watching()).toBe(false);
  news.get("b")?.set({ phase: "watching", unread: 2, mentioned: true });
  news.get("c")?.set({ phase: "closed", unread: 1, mentioned: false });
  expect([vm.get().unread, vm.get().mentioned, vm.watching()]).toEqual([3, true, true]);
});

test("follows accounts that come and go in another page", async () => {
  const { vm, calls, present } = make();
  await turn();
  present.accounts = [account("a"), account("b", "Bérénice Petit"), account("d")];
  vm.refresh();
  await turn();
  expect(calls).toEqual(["watch b", "watch c", "stop c", "watch d"]);
  expect(vm.get().accounts.map((one) => one.name)).toEqual(["Bérénice Petit", "@d:x"]);
});

test("stops every watch at its end, also one that was not there yet", async () => {
  const { vm, calls } = make();
  vm.dispose();
  await turn();
  expect(calls.slice(2).sort()).toEqual(["stop b", "stop c"]);
});

test("accounts of one name are told apart", () => {
  const all = [account("a", "Camille"), account("b", "Camille"), account("c", "Jean"), account("d")];
  expect(all.map((one) => accountLabel(one, all))).toEqual(["Camille (@a:x)", "Camille (@b:x)", "Jean", "@d:x"]);
});
