// SPDX-License-Identifier: Apache-2.0
// @vitest-environment jsdom
import "fake-indexeddb/auto";
import { beforeEach, expect, test } from "vitest";
import { removeDatabases, removeLeftovers } from "./leftovers.ts";

const open = (name: string): Promise<IDBDatabase> => new Promise((resolve, reject) => {
  const request = indexedDB.open(name, 1);
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error ?? new Error(name));
});
const names = async (): Promise<readonly (string | undefined)[]> => (await indexedDB.databases()).map((one) => one.name);

beforeEach(() => localStorage.clear());

test("a database that is held open does not hold up the sign-out, and goes at the next start", async () => {
  (await open("free")).close();
  const held = await open("held");
  await removeDatabases(["free", "held"]);
  await expect.poll(names).toEqual(["held"]);
  await expect.poll(() => localStorage.getItem("estafette.leftovers")).toBe('["held"]');
  held.close();
  removeLeftovers();
  await expect.poll(names).toEqual([]);
  await expect.poll(() => localStorage.getItem("estafette.leftovers")).toBeNull();
});
