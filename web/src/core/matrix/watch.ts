// SPDX-License-Identifier: Apache-2.0
/**
 * Counts what is new in an account that is signed in but not open (MSC4186, simplified sliding
 * sync). It asks for counts alone: no message, no key and no message to the device, so that nothing
 * is taken from the account's own encryption, which only its own page may open.
 */
import { Cell } from "../port/observable.ts";
import type { AccountListener, AccountNews, AccountWatch } from "../port/accounts.ts";
import type { AccountRef } from "../port/session.ts";
import { type StoredAccount, storedAccount } from "./accounts.ts";
import { homeserver } from "./auth.ts";
import { type RoomNews, read, type SlidingRoom } from "./room-news.ts";
import { renewTokens } from "./token-renewal.ts";

const PATH = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";
/** Conversations counted, the most recently active ones. */
const ROOMS_MAX = 1_000;
/** How long the server may wait for news, and how much longer its answer may take, in milliseconds. */
const POLL_MS = 30_000;
const ANSWER_MS = 30_000;
/** Waits after failures, in milliseconds: longer each time, up to the last. */
const RETRY_MS = [2_000, 5_000, 15_000, 60_000] as const;
/** Wait before a connection that the server forgot is begun afresh, in milliseconds. */
const AFRESH_MS = 1_000;
/** An account that the server refuses may be let in again; how often that is tried, in milliseconds. */
const REFUSED_MS = 10 * 60_000;

interface Answer { readonly pos?: string; readonly rooms?: Readonly<Record<string, SlidingRoom>> }
interface Refusal { readonly errcode?: string; readonly retry_after_ms?: number }

class Refused extends Error {
  readonly status: number;
  readonly refusal: Refusal;

  constructor(status: number, refusal: Refusal) {
    super(refusal.errcode ?? String(status));
    this.status = status;
    this.refusal = refusal;
  }
}

export class Watch implements AccountWatch {
  readonly news = new Cell<AccountNews>({ phase: "starting", unread: 0, mentioned: false });
  readonly #account: AccountRef;
  readonly #listener: AccountListener;
  readonly #isOpen: () => Promise<boolean>;
  readonly #rooms = new Map<string, RoomNews>();
  readonly #ended = new AbortController();
  /** A page's own: two pages that watch one account do not disturb each other. */
  readonly #connection = `watch-${crypto.randomUUID()}`;
  #wake: () => void = () => undefined;
  #failures = 0;

  /** `isOpen`: whether some page has the account open, and so renews its tokens itself. */
  constructor(account: AccountRef, listener: AccountListener, isOpen: () => Promise<boolean>) {
    this.#account = account;
    this.#listener = listener;
    this.#isOpen = isOpen;
    window.addEventListener("online", this.#retry);
    void this.#run();
  }

  stop(): void {
    window.removeEventListener("online", this.#retry);
    this.#ended.abort();
    this.#wake();
  }

  readonly #retry = (): void => {
    this.#failures = 0;
    this.#wake();
  };

  get #stopped(): boolean {
    return this.#ended.signal.aborted;
  }

  async #run(): Promise<void> {
    let pos: string | null = null;
    let first = true;
    while (!this.#stopped) {
      const stored = storedAccount(this.#account.key);
      if (!stored) return;
      try {
        const answer = await this.#ask(stored, pos);
        if (this.#stopped) return;
        // An answer from the beginning names every room there is.
        if (pos === null) for (const roomId of this.#rooms.keys()) if (!(roomId in (answer.rooms ?? {}))) this.#rooms.delete(roomId);
        pos = answer.pos ?? null;
        this.#failures = 0;
        this.#take(answer, first);
        first = false;
      } catch (error) {
        if (this.#stopped) return;
        if (error instanceof Refused && error.refusal.errcode === "M_UNKNOWN_POS") {
          pos = null;
          await this.#pause(this.news.get().phase, AFRESH_MS);
        } else {
          await this.#after(error, stored);
        }
      }
    }
  }

  async #ask(stored: StoredAccount, pos: string | null): Promise<Answer> {
    const url = new URL(PATH, homeserver());
    url.searchParams.set("timeout", String(pos === null ? 0 : POLL_MS));
    url.searchParams.set("set_presence", "offline");
    if (pos !== null) url.searchParams.set("pos", pos);
    const list = { ranges: [[0, ROOMS_MAX - 1]], required_state: [], timeline_limit: 0 };
    const ending = new AbortController();
    const end = (): void => ending.abort();
    const timer = setTimeout(end, POLL_MS + ANSWER_MS);
    this.#ended.signal.addEventListener("abort", end);
    try {
      return await this.#fetch(url, stored, list, ending.signal);
    } finally {
      clearTimeout(timer);
      this.#ended.signal.removeEventListener("abort", end);
    }
  }

  async #fetch(url: URL, stored: StoredAccount, list: object, signal: AbortSignal): Promise<Answer> {
    const response = await fetch(url, {
      method: "POST", signal,
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${stored.accessToken}` },
      body: JSON.stringify({ conn_id: this.#connection, lists: { all: list } }),
    });
    if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})) as Refusal);
    return await response.json() as Answer;
  }

  /** What the first answer tells was there before; what comes after it is news. */
  #take(answer: Answer, first: boolean): void {
    for (const [roomId, said] of Object.entries(answer.rooms ?? {})) {
      const before = this.#rooms.get(roomId) ?? null;
      const now = read(said, this.#account.userId, before);
      if (now === null) this.#rooms.delete(roomId);
      else this.#rooms.set(roomId, now);
      if (!first) this.#tell(roomId, before, now);
    }
    const rooms = [...this.#rooms.values()];
    this.#set({
      phase: "watching",
      unread: rooms.filter((room) => room.invited || room.unread > 0).length,
      mentioned: rooms.some((room) => room.mentions > 0),
    });
  }

  #tell(roomId: string, before: RoomNews | null, now: RoomNews | null): void {
    const account = this.#account;
    const invited = now?.invited === true && before?.invited !== true;
    if (now !== null && (invited || now.unread > (before?.unread ?? 0))) {
      this.#listener.alert({ account, roomId, roomName: now.name, count: now.invited ? 0 : now.unread });
    } else if (before !== null && (before.unread > 0 || before.invited) && !(now?.invited || (now?.unread ?? 0) > 0)) {
      this.#listener.read(account, roomId);
    }
  }

  #set(change: Partial<AccountNews>): void {
    const now = this.news.get();
    const next = { ...now, ...change };
    if (next.phase !== now.phase || next.unread !== now.unread || next.mentioned !== now.mentioned) this.news.set(next);
  }

  async #after(error: unknown, used: StoredAccount): Promise<void> {
    if (!(error instanceof Refused)) return this.#pause("offline", this.#nextWait());
    const { status, refusal } = error;
    if (status === 429) return this.#pause("offline", Math.max(refusal.retry_after_ms ?? 0, this.#nextWait()));
    if (status === 401 && refusal.errcode !== "M_USER_LOCKED") {
      // Another page may have renewed the token meanwhile, or does it now.
      if (storedAccount(used.key)?.accessToken !== used.accessToken) return;
      if (await this.#isOpen()) return this.#pause("offline", this.#nextWait());
      const renewed = await renewTokens(used, this.#isOpen).catch(() => null);
      if (renewed === true) return;
      return renewed === null ? this.#pause("offline", this.#nextWait()) : this.#pause("closed", REFUSED_MS);
    }
    if (status === 401 || status === 403) return this.#pause("closed", REFUSED_MS);
    // A server without this way of asking has nothing to say, however often it is asked.
    if (status === 404 || status === 405) return this.stop();
    return this.#pause("offline", this.#nextWait());
  }

  #nextWait(): number {
    const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? REFUSED_MS;
    this.#failures += 1;
    return wait;
  }

  #pause(phase: AccountNews["phase"], ms: number): Promise<void> {
    this.#set({ phase });
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => { clearTimeout(timer); resolve(); };
    });
  }
}
