// SPDX-License-Identifier: Apache-2.0
// @vitest-environment jsdom
/** Without this: an account that is not open counts wrongly, takes what is its own page's, or loses its session. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AccountAlert } from "../port/accounts.ts";
import { read } from "./room-news.ts";
import { Watch } from "./watch.ts";

const ME = "@b:x";
const ACCOUNT = { key: "b", userId: ME, deviceId: "B" };
interface Asked { readonly url: URL; readonly body: Record<string, unknown>; readonly token: string }
type Said = readonly [status: number, body: object];

let asked: Asked[] = [];
let answers: Said[] = [];
let renewals: URLSearchParams[] = [];
let renewal: Said = [200, { access_token: "T2", refresh_token: "R2" }];
let watch: Watch | null = null;

function store(more: object = {}): void {
  localStorage.setItem("estafette.accounts", JSON.stringify({ active: "a", accounts: [{ ...ACCOUNT, accessToken: "T1", ...more }] }));
}
const stored = () => JSON.parse(localStorage.getItem("estafette.accounts") ?? "{}").accounts[0] as { accessToken: string; refreshToken?: string };

beforeEach(() => {
  asked = [];
  renewals = [];
  store();
  vi.stubGlobal("navigator", { locks: { request: (_name: string, run: () => Promise<unknown>) => run() } });
  vi.stubGlobal("fetch", async (address: string | URL, init: RequestInit = {}) => {
    const url = new URL(String(address));
    if (url.pathname.endsWith("auth_metadata")) return Response.json({ token_endpoint: "http://localhost/token" });
    if (url.pathname === "/token") {
      renewals.push(init.body as URLSearchParams);
      return Response.json(renewal[1], { status: renewal[0] });
    }
    asked.push({ url, body: JSON.parse(String(init.body)) as Record<string, unknown>, token: String((init.headers as Record<string, string>)["Authorization"]) });
    const next = answers.shift();
    // Nothing more to say: the server waits until the page gives up.
    if (!next) return new Promise<Response>((_resolve, reject) => init.signal?.addEventListener("abort", () => reject(new Error("aborted"))));
    return Response.json(next[1], { status: next[0] });
  });
});
afterEach(() => { watch?.stop(); watch = null; vi.unstubAllGlobals(); vi.useRealTimers(); localStorage.clear(); });

function start(said: readonly Said[], isOpen = async () => false): { alerts: AccountAlert[]; read: string[]; watch: Watch } {
  answers = [...said];
  const alerts: AccountAlert[] = [];
  const reads: string[] = [];
  watch = new Watch(ACCOUNT, { alert: (alert) => alerts.push(alert), read: (_account, roomId) => reads.push(roomId) }, isOpen);
  return { alerts, read: reads, watch };
}
/** Waits for what happens behind a call; machines may be slow. */
const eventually = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 60_000 });
const settled = () => eventually(() => expect(answers).toEqual([]));

describe("an account that is not open", () => {
  test("counts what was there, tells of what comes after it, and of what was read", async () => {
    const { alerts, read: reads, watch: now } = start([
      [200, { pos: "1", rooms: { "!old": { initial: true, name: "Ancien", notification_count: 2, highlight_count: 0 }, "!calm": { initial: true, name: "Calme", notification_count: 0 } } }],
      [200, { pos: "2", rooms: { "!calm": { notification_count: 1, highlight_count: 1 }, "!new": { initial: true, heroes: [{ user_id: "@jean:x", displayname: "Jean" }], notification_count: 1 } } }],
      [200, { pos: "3", rooms: { "!calm": { notification_count: 0, highlight_count: 0 } } }],
    ]);
    await settled();
    await eventually(() => expect(reads).toEqual(["!calm"]));
    expect(alerts).toEqual([
      { account: ACCOUNT, roomId: "!calm", roomName: "Calme", count: 1 },
      { account: ACCOUNT, roomId: "!new", roomName: "Jean", count: 1 },
    ]);
    expect(now.news.get()).toEqual({ phase: "watching", unread: 2, mentioned: false });
  });

  test("asks for no message, no key and no message to the device, and is not seen as present", async () => {
    start([[200, { pos: "1" }]]);
    await eventually(() => expect(asked).toHaveLength(2));
    for (const { url, body } of asked) {
      expect(body["extensions"]).toBeUndefined();
      expect(body["lists"]).toEqual({ all: { ranges: [[0, 999]], required_state: [], timeline_limit: 0 } });
      expect(url.searchParams.get("set_presence")).toBe("offline");
    }
    expect(asked[1]?.url.searchParams.get("pos")).toBe("1");
    expect(asked[1]?.body["conn_id"]).toBe(asked[0]?.body["conn_id"]);
  });

  test("goes on where the server forgot the place, and tells of what came meanwhile once", async () => {
    const { alerts, watch: now } = start([
      [200, { pos: "1", rooms: { "!a": { name: "A", notification_count: 1 }, "!gone": { name: "G", notification_count: 5 } } }],
      [400, { errcode: "M_UNKNOWN_POS" }],
      [200, { pos: "9", rooms: { "!a": { initial: true, name: "A", notification_count: 2 } } }],
    ]);
    await eventually(() => expect(answers).toEqual([]));
    await eventually(() => expect(now.news.get().unread).toBe(1));
    expect(alerts.map((one) => [one.roomId, one.count])).toEqual([["!a", 2]]);
    expect(asked[2]?.url.searchParams.has("pos")).toBe(false);
  });

  test("renews an expired token once, and keeps the new one", async () => {
    store({ refreshToken: "R1", oauthClientId: "C" });
    const { watch: now } = start([[401, { errcode: "M_UNKNOWN_TOKEN", soft_logout: true }], [200, { pos: "1" }]]);
    await eventually(() => expect(now.news.get().phase).toBe("watching"));
    expect(renewals.map((body) => body.get("refresh_token"))).toEqual(["R1"]);
    expect(stored()).toMatchObject({ accessToken: "T2", refreshToken: "R2" });
    expect(asked[1]?.token).toBe("Bearer T2");
  });

  test("leaves the tokens to the page that has the account open", async () => {
    store({ refreshToken: "R1", oauthClientId: "C" });
    const { watch: now } = start([[401, { errcode: "M_UNKNOWN_TOKEN", soft_logout: true }]], async () => true);
    await eventually(() => expect(now.news.get().phase).toBe("offline"));
    expect(renewals).toEqual([]);
  });

  test.each([
    ["a session that is over", [401, { errcode: "M_UNKNOWN_TOKEN" }]],
    ["a locked account", [401, { errcode: "M_USER_LOCKED", soft_logout: true }]],
    ["an expired account", [403, { errcode: "ORG_MATRIX_EXPIRED_ACCOUNT" }]],
  ] as const)("says that %s has to be opened, and does not ask on and on", async (_name, refusal) => {
    const { watch: now } = start([refusal]);
    await eventually(() => expect(now.news.get().phase).toBe("closed"));
    expect(asked).toHaveLength(1);
  });

  test("a server that cannot be asked this way is asked once", async () => {
    const { watch: now } = start([[404, { errcode: "M_UNRECOGNIZED" }]]);
    await settled();
    await new Promise((resolve) => { setTimeout(resolve, 0); });
    expect(asked).toHaveLength(1);
    expect(now.news.get().unread).toBe(0);
  });

  test("waits longer after each failure, and tries at once when the network is back", async () => {
    vi.useFakeTimers();
    const { watch: now } = start([[502, {}], [502, {}], [200, { pos: "1" }]]);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([asked.length, now.news.get().phase]).toEqual([2, "offline"]);
    window.dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(0);
    expect(now.news.get().phase).toBe("watching");
  });
});

describe("what a room says", () => {
  const member = (membership: string) => [{ type: "m.room.member", state_key: ME, content: { membership } }];

  test.each([
    ["an invitation counts", { invite_state: member("invite") }, { name: null, unread: 0, mentions: 0, invited: true }],
    ["a request to come in does not", { invite_state: member("knock") }, null],
    ["a room one left does not", { required_state: member("leave") }, null],
    ["what is not said stays", { required_state: [] }, { name: "A", unread: 3, mentions: 1, invited: false }],
    ["nonsense stays out", { notification_count: "many", highlight_count: -1 }, { name: "A", unread: 3, mentions: 1, invited: false }],
  ] as const)("%s", (name, said, now) => {
    const before = { name: "A", unread: 3, mentions: 1, invited: false };
    expect(read(said, ME, name.startsWith("an invitation") ? null : before)).toEqual(now);
  });
});
