// SPDX-License-Identifier: Apache-2.0
// @vitest-environment jsdom
import { expect, test, vi } from "vitest";
import { Cell } from "../core/port/observable.ts";
import { agreeToLose, askBeforeLeaving, loses } from "./leaving.ts";
import { applyUpdate } from "./register-worker.ts";

const asked = (): boolean => !window.dispatchEvent(new Event("beforeunload", { cancelable: true }));

// A message the disk had no room for, or a file chosen and not sent, went with a reload without a word.
test("leaving and taking a new version ask while something is in memory alone", () => {
  const unkept = new Cell(false);
  const stop = askBeforeLeaving(unkept.get);
  const stopFiles = askBeforeLeaving(() => false);
  expect(asked()).toBe(false);
  unkept.set(true);
  expect(asked()).toBe(true);
  const ask = vi.fn<() => void>();
  applyUpdate(ask);
  expect(ask).toHaveBeenCalledOnce();
  stopFiles();
  expect(asked()).toBe(true);
  agreeToLose();
  expect([asked(), loses()]).toEqual([false, false]);
  stop();
});

test("a sign-out, which has said what it loses, is not held up", async () => {
  vi.resetModules();
  const fresh = await import("./leaving.ts");
  const stop = fresh.askBeforeLeaving(() => true);
  expect(asked()).toBe(true);
  const answers: boolean[] = [];
  fresh.startAnew(() => answers.push(asked()));
  expect(answers).toEqual([false]);
  stop();
});
