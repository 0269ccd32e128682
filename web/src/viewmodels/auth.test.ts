// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { type AccountRef, type AuthPort, CoreError, type SignInMethods } from "../core/port/session.ts";
import { AuthViewModel } from "./auth.ts";

const ACCOUNT: AccountRef = { key: "k", userId: "@a:x", deviceId: "D" };
const PASSWORD: SignInMethods = { password: true, oauth: false, signUpPages: false, registration: "open" };

function make(change: Partial<AuthPort>, methods = PASSWORD) {
  const opened: AccountRef[] = [];
  const gone: string[] = [];
  const port: AuthPort = {
    methods: async () => methods, signIn: async () => ACCOUNT, signUp: async () => ACCOUNT, beginOAuth: async (action) => `https://x/${action}`,
    finishOAuth: async () => ACCOUNT, accounts: () => [], active: () => null, activate: () => undefined, name: () => undefined, unsent: async () => 0, forget: async () => undefined, ...change,
  };
  return { vm: new AuthViewModel(port, (account) => opened.push(account), (url) => gone.push(url)), opened, gone };
}

test("a password signs in, and is not kept", async () => {
  const { vm, opened } = make({});
  await vm.load();
  vm.setField("username", "camille");
  await vm.submit();
  expect(vm.get().problems).toEqual({ password: "missing" });
  vm.setField("password", "secret");
  await vm.submit();
  expect(opened).toEqual([ACCOUNT]);
  expect(vm.get().values.password).toBe("");
});

test("a wrong password is said and can be tried again", async () => {
  const { vm, opened } = make({ signIn: async () => { throw new CoreError("credentials"); } });
  await vm.load();
  vm.setField("username", "camille");
  vm.setField("password", "wrong");
  await vm.submit();
  expect(vm.get()).toMatchObject({ phase: "ready", failure: "credentials" });
  expect(opened).toEqual([]);
});

test("where the server has its own pages, the browser goes there, to sign in or to sign up", async () => {
  const { vm, gone } = make({}, { ...PASSWORD, oauth: true });
  await vm.load();
  await vm.continueWithOAuth("signIn");
  await vm.continueWithOAuth("signUp");
  expect(gone).toEqual(["https://x/signIn", "https://x/signUp"]);
});

test("pages that cannot be reached are said, and the way there stays open", async () => {
  const { vm, gone } = make({ beginOAuth: async () => { throw new CoreError("offline"); } }, { ...PASSWORD, oauth: true, signUpPages: true });
  await vm.load();
  await vm.continueWithOAuth("signUp");
  expect(vm.get()).toMatchObject({ phase: "ready", failure: "offline" });
  expect(gone).toEqual([]);
});

test("coming back opens the account; a refusal shows the way in again and says why", async () => {
  const good = make({});
  await good.vm.finishOAuth("code", "state");
  expect(good.opened).toEqual([ACCOUNT]);
  const bad = make({ finishOAuth: async () => { throw new CoreError("forbidden"); } });
  await bad.vm.finishOAuth("code", "state");
  expect(bad.vm.get()).toMatchObject({ phase: "ready", failure: "forbidden", methods: PASSWORD, returning: false });
  await bad.vm.load("cancelled");
  expect(bad.vm.get()).toMatchObject({ phase: "ready", failure: "cancelled" });
});

test("a server that cannot be reached is said, and asking again helps", async () => {
  let down = true;
  const { vm } = make({ methods: async () => { if (down) throw new CoreError("offline"); return PASSWORD; } });
  await vm.load();
  expect(vm.get().phase).toBe("unreachable");
  down = false;
  await vm.load();
  expect(vm.get().phase).toBe("ready");
});

test("what the server refuses is said with the way on", async () => {
  const { vm } = make({ signIn: async () => { throw new CoreError("lapsed", "", 0, "https://x/renew"); } });
  await vm.load();
  vm.setField("username", "camille");
  vm.setField("password", "right");
  await vm.submit();
  expect(vm.get()).toMatchObject({ failure: "lapsed", page: "https://x/renew", waitMs: 0 });
});

test("who has just signed in on the server's pages goes on, where the server has some", async () => {
  for (const [methods, expected] of [[{ ...PASSWORD, oauth: true }, ["https://x/signIn"]], [PASSWORD, []]] as const) {
    const { vm, gone } = make({}, methods);
    await vm.loadAndGoOn();
    expect(gone).toEqual(expected);
  }
  const { vm, gone } = make({ methods: async () => { throw new CoreError("offline"); } });
  await vm.loadAndGoOn();
  expect([vm.get().phase, gone]).toEqual(["unreachable", []]);
});
