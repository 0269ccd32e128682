// SPDX-License-Identifier: Apache-2.0
import "fake-indexeddb/auto";
import type { ISyncResponse } from "matrix-js-sdk";
import { LocalIndexedDBStoreBackend } from "matrix-js-sdk/lib/store/indexeddb-local-backend";
import { expect, test } from "vitest";
import { boundTimelines, KEPT_EVENTS } from "./kept-rooms.ts";
import { quietSdk } from "./quiet.ts";

const ROOM = "!r:example.org";

/** One answer of the server with ten messages, which continues from `t<index>`. */
const answer = (index: number): ISyncResponse => ({
  next_batch: `s${index}`, account_data: { events: [] },
  rooms: {
    invite: {}, leave: {}, knock: {},
    join: {
      [ROOM]: {
        summary: {}, state: { events: [] }, ephemeral: { events: [] }, account_data: { events: [] }, unread_notifications: {},
        timeline: {
          limited: false, prev_batch: `t${index}`,
          events: Array.from({ length: 10 }, (_, at) => ({
            type: "m.room.message", event_id: `$${index * 10 + at}`, sender: "@a:example.org", origin_server_ts: 1, content: { body: "x" }, unsigned: {},
          })),
        },
      },
    },
  },
} as unknown as ISyncResponse);

// A long used account would hold fifty messages of each of its rooms in memory.
test("a conversation's newest messages are kept, cut where history continues", async () => {
  quietSdk();
  const backend = new LocalIndexedDBStoreBackend(indexedDB, "kept-rooms");
  boundTimelines(backend);
  await backend.connect();
  for (let index = 0; index < 8; index += 1) await backend.setSyncData(answer(index));
  const saved = await backend.getSavedSync();
  const timeline = saved?.roomsData.join[ROOM]?.timeline;
  expect(timeline?.events.map((event) => event.event_id)).toEqual(Array.from({ length: KEPT_EVENTS }, (_, at) => `$${60 + at}`));
  expect(timeline?.prev_batch).toBe("t6");
});
