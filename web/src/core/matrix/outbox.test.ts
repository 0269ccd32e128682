// SPDX-License-Identifier: Apache-2.0
// @vitest-environment jsdom
import "fake-indexeddb/auto";
import { EventStatus, MatrixError, type MatrixClient, MatrixEvent, PendingEventOrdering, Room } from "matrix-js-sdk";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { databases } from "./database-names.ts";
import { Outbox } from "./outbox.ts";
import { waitingOnDisk } from "./outbox-count.ts";

interface Sent { readonly room: string; readonly text: unknown; readonly txn: string }

let account = "";
let sent: Sent[] = [];
let online = true;
/** What the server answers to the next sendings; nothing means: taken. */
let answers: (Error | null)[] = [];
let boxes: Outbox[] = [];

const client = {
  sendEvent: async (room: string, _type: string, content: { body: unknown }, txn: string) => {
    const failure = answers.shift();
    if (failure) throw failure;
    sent.push({ room, text: content.body, txn });
    return { event_id: `$${sent.length}` };
  },
  getRoom: () => null,
  getCrypto: () => undefined,
} as unknown as MatrixClient;

async function open(): Promise<Outbox> {
  const box = new Outbox(client, account, () => online);
  boxes.push(box);
  await box.load();
  box.pump();
  return box;
}

/** The page goes away without a word. */
async function reload(box: Outbox): Promise<Outbox> {
  box.stop();
  await box.close();
  return open();
}

/** Waits for what happens behind a call; machines may be slow. */
const eventually = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 60_000 });
const write = (box: Outbox, text: string, roomId = "!a"): Promise<void> =>
  box.add({ roomId, type: "m.room.message", content: { msgtype: "m.text", body: text }, file: null });
const phases = (box: Outbox): readonly string[] => box.entries.get().map((one) => one.state.phase);
const texts = (): readonly unknown[] => sent.map((one) => one.text);
const server = (status: number, errcode: string, retry = 0): Error => new MatrixError({ errcode, error: "no", retry_after_ms: retry }, status);

beforeEach(() => {
  account = `k${Math.random()}`;
  sent = [];
  answers = [];
  online = true;
  boxes = [];
});
afterEach(async () => {
  for (const box of boxes) {
    box.stop();
    await box.close();
  }
  indexedDB.deleteDatabase(databases(account).outbox);
});

describe("the send queue: what was written is neither lost, nor doubled, nor out of order", () => {
  test("what waits on the disk is counted before the queue was opened, and by whoever does not open it", async () => {
    online = false;
    const box = await open();
    await Promise.all([write(box, "un"), write(box, "deux")]);
    box.stop();
    await box.close();
    const fresh = new Outbox(client, account, () => online);
    boxes.push(fresh);
    expect(fresh.entries.get()).toEqual([]);
    expect(await fresh.waiting()).toBe(2);
    expect(await waitingOnDisk(account)).toBe(2);
    expect(await waitingOnDisk(`${account}-other`)).toBe(0);
    indexedDB.deleteDatabase(databases(`${account}-other`).outbox);
  });

  test("sends in order, once, and forgets when the sync shows it", async () => {
    const box = await open();
    await Promise.all([write(box, "un"), write(box, "deux"), write(box, "trois")]);
    await eventually(() => expect(texts()).toEqual(["un", "deux", "trois"]));
    expect(new Set(sent.map((one) => one.txn)).size).toBe(3);
    for (const entry of box.entries.get()) box.confirm(entry.id);
    expect(box.entries.get()).toEqual([]);
    await reload(box);
    await new Promise((resolve) => { setTimeout(resolve, 30); });
    expect(sent.length).toBe(3);
  });

  test("what waits for the network survives a reload, with its transaction id", async () => {
    online = false;
    const box = await open();
    vi.spyOn(Date, "now").mockReturnValue(1_700_000_000_000);
    for (let count = 0; count < 8; count += 1) await write(box, `dans le tunnel ${count}`);
    vi.restoreAllMocks();
    const ids = box.entries.get().map((one) => one.id);
    expect(new Set(phases(box))).toEqual(new Set(["queued"]));
    const again = await reload(box);
    expect(again.entries.get().map((one) => one.id)).toEqual(ids);
    expect(sent).toEqual([]);
    online = true;
    again.pump();
    await eventually(() => expect(sent.map((one) => one.txn)).toEqual(ids));
  });

  test("a page that dies between sending and hearing sends again under the same id", async () => {
    let answer: () => void = () => undefined;
    const heard = new Promise<void>((resolve) => { answer = resolve; });
    const slow = { ...client, sendEvent: async (...args: [string, string, { body: unknown }, string]) => {
      await (client.sendEvent as unknown as (...all: unknown[]) => Promise<unknown>)(...args);
      await heard;
      throw new TypeError("the page is gone");
    } } as unknown as MatrixClient;
    const box = new Outbox(slow, account, () => online);
    await box.load();
    await write(box, "une fois");
    await eventually(() => expect(sent.length).toBe(1));
    await reload(box);
    await eventually(() => expect(sent.length).toBe(2));
    expect(sent[0]?.txn).toBe(sent[1]?.txn);
    answer();
  });

  test("a refusal is shown, does not hold up others, and can be tried again or given up after a reload", async () => {
    answers = [server(403, "M_FORBIDDEN"), null];
    const box = await open();
    await write(box, "refusé");
    await write(box, "accepté");
    await eventually(() => expect(texts()).toEqual(["accepté"]));
    await eventually(() => expect(phases(box)[0]).toBe("failed"));
    const again = await reload(box);
    expect(again.entries.get().map((one) => one.content["body"])).toEqual(["refusé"]);
    expect(phases(again)).toEqual(["failed"]);
    await again.retry(again.entries.get()[0]?.id ?? "");
    await eventually(() => expect(texts()).toEqual(["accepté", "refusé"]));
    answers = [server(403, "M_FORBIDDEN")];
    await write(again, "à jeter");
    await eventually(() => expect(phases(again).at(-1)).toBe("failed"));
    await again.cancel(again.entries.get().at(-1)?.id ?? "");
    const last = await reload(again);
    expect(last.entries.get().some((one) => one.content["body"] === "à jeter")).toBe(false);
  });

  test("a server that is away or busy is asked again, in order", async () => {
    answers = [server(502, "M_UNKNOWN"), server(429, "M_LIMIT_EXCEEDED", 20), null];
    const box = await open();
    await write(box, "premier");
    await write(box, "second");
    await eventually(() => expect(texts()).toEqual(["premier", "second"]));
  });

  // The SDK's room refuses a transaction id that it has seen fail: after one lost request a message could never be sent.
  test("the second try is made with the same id although the SDK's room knows it", async () => {
    const me = "@me:example.org";
    const sdk = {
      ...client, getUserId: () => me, getSafeUserId: () => me, decryptEventIfNeeded: async () => undefined, supportsThreads: () => false, getEventMapper: () => (raw: object) => new MatrixEvent(raw),
      store: { getPendingEvents: async () => [], setPendingEvents: async () => undefined },
      getRoom: () => room, cancelPendingEvent: (event: MatrixEvent) => room.updatePendingEvent(event, EventStatus.CANCELLED),
      sendEvent: async (roomId: string, type: string, content: { body: string }, txn: string) => {
        const event = new MatrixEvent({ event_id: `~${txn}`, room_id: roomId, sender: me, type, content, origin_server_ts: 1 });
        event.setTxnId(txn);
        event.setStatus(EventStatus.SENDING);
        room.addPendingEvent(event, txn);
        const failure = answers.shift();
        if (failure) {
          room.updatePendingEvent(event, EventStatus.NOT_SENT);
          throw failure;
        }
        sent.push({ room: roomId, text: content.body, txn });
        return { event_id: "$1" };
      },
    } as unknown as MatrixClient;
    const room: Room = new Room("!a", sdk, me, { pendingEventOrdering: PendingEventOrdering.Detached });
    answers = [new TypeError("fetch failed")];
    const box = new Outbox(sdk, account, () => online);
    boxes.push(box);
    await box.load();
    await write(box, "au second essai");
    await eventually(() => expect(texts()).toEqual(["au second essai"]));
    expect(sent[0]?.txn).toBe(box.entries.get()[0]?.id);
  });

  test("what an unconfirmed device refused is kept with its reason, and leaves in order once it may; other failures stay", async () => {
    const box = await open();
    const refused = (): Error => new Error("encryption failed due to an error collecting the recipient devices: Encryption failed because your device is not verified");
    answers = [refused(), refused(), server(403, "M_FORBIDDEN")];
    await Promise.all([write(box, "un"), write(box, "deux"), write(box, "interdit")]);
    await eventually(() => expect(phases(box)).toEqual(["failed", "failed", "failed"]));
    const again = await reload(box);
    expect(again.entries.get().map((one) => one.state)).toEqual([
      { phase: "failed", reason: "unconfirmed" }, { phase: "failed", reason: "unconfirmed" }, { phase: "failed", reason: "forbidden" },
    ]);
    await again.resume();
    await eventually(() => expect(texts()).toEqual(["un", "deux"]));
    expect(again.entries.get().filter((one) => one.state.phase === "failed").map((one) => one.content["body"])).toEqual(["interdit"]);
  });

  test("what may not be encrypted now is not handed to the cryptography, and what needs none is sent", async () => {
    let refusal: "identityMissing" | null = "identityMissing";
    const encrypting = { ...client, getCrypto: () => ({ isEncryptionEnabledInRoom: async (room: string) => room === "!secret" }) } as unknown as MatrixClient;
    const box = new Outbox(encrypting, account, () => online, () => refusal);
    boxes.push(box);
    await write(box, "secret", "!secret");
    await write(box, "ouvert", "!open");
    await eventually(() => expect(texts()).toEqual(["ouvert"]));
    await eventually(() => expect(box.entries.get().find((one) => one.roomId === "!secret")?.state).toEqual({ phase: "failed", reason: "identityMissing" }));
    refusal = null;
    await box.resume();
    await eventually(() => expect(texts()).toEqual(["ouvert", "secret"]));
  });

  test("a room that cannot take a message does not hold up another room", async () => {
    answers = [server(403, "M_FORBIDDEN")];
    const box = await open();
    await write(box, "ici", "!a");
    await write(box, "là", "!b");
    await eventually(() => expect(texts()).toEqual(["là"]));
  });

  // A full disk would swallow the message of somebody who has a network, or lose the text of somebody who has none.
  test("a full disk keeps nobody from sending, and gives the text back where it could not be kept", async () => {
    const full = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => { throw new DOMException("full", "QuotaExceededError"); });
    try {
      const box = await open();
      await write(box, "avec réseau");
      await eventually(() => expect(texts()).toEqual(["avec réseau"]));
      online = false;
      await expect(write(box, "sans réseau")).rejects.toMatchObject({ kind: "storageFull" });
      expect(box.entries.get().some((one) => one.content["body"] === "sans réseau")).toBe(false);
      online = true;
      answers = [server(403, "M_FORBIDDEN")];
      await write(box, "refusé");
      await eventually(() => expect(phases(box).at(-1)).toBe("failed"));
    } finally {
      full.mockRestore();
    }
  });

  // Read as empty, they would neither show nor leave, and a sign-out would delete them without a word.
  test("a disk that could not be read at the start is read again", async () => {
    online = false;
    const box = await open();
    await write(box, "d'hier");
    const broken = vi.spyOn(IDBObjectStore.prototype, "getAll").mockImplementationOnce(() => { throw new DOMException("no", "UnknownError"); });
    const again = await reload(box);
    broken.mockRestore();
    expect(again.entries.get()).toEqual([]);
    await write(again, "d'aujourd'hui");
    online = true;
    await Promise.all([again.load(), again.load()]);
    again.pump();
    await eventually(() => expect(texts()).toEqual(["d'hier", "d'aujourd'hui"]));
    await again.load();
    expect(again.entries.get().length).toBe(2);
  });

  // Out of sight and still on the disk, a cancelled message would leave at the next start.
  test("a message is cancelled once the disk has let go of it, and is not sent meanwhile", async () => {
    online = false;
    const box = await open();
    await write(box, "à retirer");
    const id = box.entries.get()[0]?.id ?? "";
    const broken = vi.spyOn(IDBObjectStore.prototype, "delete").mockImplementationOnce(() => { throw new DOMException("no", "UnknownError"); });
    await expect(box.cancel(id)).rejects.toMatchObject({ name: "CoreError" });
    broken.mockRestore();
    expect(phases(box)).toEqual(["failed"]);
    await box.retry(id);
    const gone = box.cancel(id);
    online = true;
    box.pump();
    await gone;
    expect(box.entries.get()).toEqual([]);
    const again = await reload(box);
    expect(again.entries.get()).toEqual([]);
    await new Promise((resolve) => { setTimeout(resolve, 30); });
    expect(sent).toEqual([]);
  });

  // It was taken because it could leave at once; the network that drops then leaves it in memory alone.
  test("what the disk had no room for is written once there is some, and says meanwhile that it is not", async () => {
    const full = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => { throw new DOMException("full", "QuotaExceededError"); });
    const box = await open();
    answers = [new TypeError("fetch failed")];
    await write(box, "au bord");
    await eventually(() => expect(answers).toEqual([]));
    online = false;
    await eventually(() => expect(box.entries.get()).toMatchObject([{ kept: false, state: { phase: "queued" } }]));
    full.mockRestore();
    window.dispatchEvent(new Event("offline"));
    await eventually(() => expect(box.entries.get()).toMatchObject([{ kept: true, state: { phase: "queued" } }]));
    const again = await reload(box);
    expect(again.entries.get()).toMatchObject([{ kept: true, content: { body: "au bord" } }]);
    online = true;
    again.pump();
    await eventually(() => expect(texts()).toEqual(["au bord"]));
  });
});
