// SPDX-License-Identifier: Apache-2.0
/** Looks into the send queue of an account without opening it, and without the SDK. */
import type { SendState } from "../port/timeline.ts";
import { databases } from "./database-names.ts";
import { Table } from "./database.ts";

/** Messages of an account that is not open, and that wait on the disk; null when it cannot be read. */
export async function waitingOnDisk(accountKey: string): Promise<number | null> {
  const table = new Table<{ readonly id: string; readonly state: SendState }>(databases(accountKey).outbox);
  try {
    return (await table.all()).filter((one) => one.state.phase !== "sent").length;
  } catch {
    return null;
  } finally {
    await table.close();
  }
}
