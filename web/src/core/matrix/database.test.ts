// SPDX-License-Identifier: Apache-2.0
import "fake-indexeddb/auto";
import { expect, test, vi } from "vitest";
import { Table } from "./database.ts";

// One disk that stumbled at the start would have kept nothing for as long as the page lived.
test("a table that could not be opened is opened at the next use", async () => {
  const table = new Table<{ readonly id: string }>(`t${Math.random()}`);
  const open = vi.spyOn(indexedDB, "open").mockImplementationOnce(() => {
    const request = { error: new DOMException("no", "UnknownError") } as unknown as IDBOpenDBRequest;
    queueMicrotask(() => request.onerror?.(new Event("error")));
    return request;
  });
  await expect(table.put({ id: "a" })).rejects.toMatchObject({ name: "UnknownError" });
  await table.put({ id: "a" });
  expect(await table.all()).toEqual([{ id: "a" }]);
  expect(open).toHaveBeenCalledTimes(2);
  await table.close();
});
