// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "vitest";
import type { PushPort, PushSubscriptionKeys } from "../core/port/push.ts";
import { BackgroundViewModel, type BrowserPush } from "./background.ts";

const KEYS: PushSubscriptionKeys = { endpoint: "https://push.example/1", p256dh: "K", auth: "A" };

interface Options { readonly key?: string | null; readonly active?: boolean; readonly broken?: boolean; readonly available?: boolean; readonly wanted?: boolean }

function make({ key = "V", active = false, broken = false, available = true, wanted = false }: Options = {}) {
  const calls: string[] = [];
  const memory = new Map<string, string>(wanted ? [["push", "on"]] : []);
  const push: PushPort = {
    serverKey: async () => key,
    register: async () => { calls.push("register"); return active; },
    confirm: async (token) => { if (token !== "T") throw new Error("unknown"); calls.push("confirm"); },
    forget: async () => { calls.push("forget"); },
  };
  const browser: BrowserPush = {
    available: () => available,
    subscribe: async (server) => { if (broken) throw new Error("no service"); calls.push(`subscribe ${server}`); return KEYS; },
    current: async () => KEYS,
    unsubscribe: async () => { calls.push("unsubscribe"); },
  };
  const vm = new BackgroundViewModel(push, browser, {
    read: (name) => memory.get(name) ?? null,
    write: (name, value) => { if (value === null) memory.delete(name); else memory.set(name, value); },
  }, () => "fr");
  return { vm, calls, memory };
}

describe("background notifications: a switch that says on while nothing arrives would be a lie", () => {
  test("is on only after the token came back", async () => {
    const { vm, calls } = make();
    await vm.start();
    expect(vm.get().phase).toBe("off");
    await vm.enable();
    expect(vm.get().phase).toBe("waiting");
    await vm.confirm("T");
    expect(vm.get().phase).toBe("on");
    expect(calls).toEqual(["subscribe V", "register", "confirm"]);
  });

  test("asks again at each start, and knows an active pusher", async () => {
    const { vm, calls } = make({ wanted: true, active: true });
    await vm.start();
    expect(vm.get().phase).toBe("on");
    expect(calls).toEqual(["subscribe V", "register"]);
  });

  test("says when the browser, the server or the push service cannot", async () => {
    for (const options of [{ available: false }, { key: null }]) {
      const { vm } = make(options);
      await vm.start();
      expect(vm.get().phase).toBe("unsupported");
    }
    const { vm, memory } = make({ broken: true });
    await vm.enable();
    expect(vm.get().phase).toBe("failed");
    expect(memory.size).toBe(0);
  });

  test("a stale token does not switch off what works", async () => {
    const { vm } = make({ wanted: true, active: true });
    await vm.start();
    await vm.confirm("old");
    expect(vm.get().phase).toBe("on");
  });

  test("switching off removes the pusher and the subscription", async () => {
    const { vm, calls, memory } = make({ wanted: true, active: true });
    await vm.start();
    await vm.disable();
    expect(vm.get().phase).toBe("off");
    expect(calls.slice(-2)).toEqual(["forget", "unsubscribe"]);
    expect(memory.size).toBe(0);
  });
});
