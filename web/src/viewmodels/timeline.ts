// SPDX-License-Identifier: Apache-2.0
/** A conversation on screen: rows, where to look, and what can be done to a message. */
import type { FailureKind } from "../core/port/session.ts";
import type { TimelineItem, TimelinePort } from "../core/port/timeline.ts";
import { ViewModel } from "./base.ts";
import { kindOf } from "./failure.ts";
import { buildRows, firstUnread, reuseRows, type Row } from "./rows.ts";

export interface TimelineSnapshot {
  readonly rows: readonly Row[];
  readonly loading: boolean;
  readonly loadingOlder: boolean;
  readonly atStart: boolean;
  readonly atEnd: boolean;
  /** Messages of others that arrived below while the person was reading above. */
  readonly newBelow: number;
  readonly firstUnread: string | null;
  /** The first unread message lies before what is loaded. */
  readonly unreadBefore: boolean;
  /** A place to bring into view; `seq` makes each request distinct. */
  readonly target: { readonly rowId: string; readonly seq: number } | null;
  readonly highlighted: string | null;
  readonly failure: FailureKind | null;
}

/** The place below the last row, whichever that is by the time it is shown. */
export const END = "end";

/** Least wait after history could not be fetched, in milliseconds. */
const OLDER_RETRY_MS = 5_000;

export class TimelineViewModel extends ViewModel<TimelineSnapshot> {
  readonly #timeline: TimelinePort;
  #bottom = true;
  #attentive = false;
  /** The newest message of others that was in sight; `null`: there was none, `undefined`: the end was never in sight. */
  #seenUpTo: string | null | undefined;
  #markedRead: string | null = null;
  #seq = 0;
  /** Unreadable messages that the person wanted to see one by one. */
  #opened: ReadonlySet<string> = new Set();
  #olderAgainAt = 0;

  constructor(timeline: TimelinePort, focusOn: string | null) {
    super({
      rows: [], loading: true, loadingOlder: false, atStart: false, atEnd: true, newBelow: 0,
      firstUnread: null, unreadBefore: false, target: null, highlighted: null, failure: null,
    });
    this.#timeline = timeline;
    this.follow(timeline.state, () => this.#show());
    if (focusOn) void this.focus(focusOn);
  }

  #show(): void {
    const state = this.#timeline.state.get();
    const rows = reuseRows(this.get().rows, buildRows(state.items, { readMarker: state.readMarker, atStart: state.atStart, opened: this.#opened }));
    const others = state.items.filter((item) => !item.mine && item.content.kind !== "state");
    if (this.#bottom && state.atEnd && !state.loading) this.#seenUpTo = others.at(-1)?.id ?? null;
    const unread = firstUnread(state.items, state.readMarker);
    this.merge({
      rows, loading: state.loading, atStart: state.atStart, atEnd: state.atEnd,
      newBelow: state.atEnd ? this.#newsAmong(others) : 0,
      firstUnread: state.items[unread]?.id ?? null,
      unreadBefore: state.markerBefore,
    });
    this.#markRead();
  }

  /** Opens or closes what is folded to one line. */
  toggleFold = (rowId: string): void => {
    const row = this.get().rows.find((one) => one.id === rowId);
    if (row?.kind !== "unreadable") return;
    const ids = row.items.map((item) => item.id);
    this.#opened = row.open ? new Set([...this.#opened].filter((id) => !ids.includes(id))) : new Set([...this.#opened, ...ids]);
    this.#show();
  };

  loadOlder = async (): Promise<void> => {
    if (this.get().loadingOlder || this.get().atStart || performance.now() < this.#olderAgainAt) return;
    this.merge({ loadingOlder: true });
    try {
      await this.#timeline.paginate("back");
    } catch {
      // The banner says why; the view asks again as long as it needs more.
      this.#olderAgainAt = performance.now() + OLDER_RETRY_MS;
    } finally {
      this.merge({ loadingOlder: false });
      this.#show();
    }
  };

  /** What follows the newest one seen: history that is prepended meanwhile is not news, and news that comes meanwhile is. */
  #newsAmong(others: readonly TimelineItem[]): number {
    if (this.#seenUpTo === undefined) return 0;
    return others.length - 1 - others.findIndex((item) => item.id === this.#seenUpTo);
  }

  loadNewer = async (): Promise<void> => {
    if (!this.get().atEnd) await this.#timeline.paginate("forward").catch(() => undefined);
  };

  /** The view tells whether the newest message is in sight. */
  setAtBottom = (bottom: boolean): void => {
    this.#bottom = bottom;
    if (bottom) this.#show();
  };

  /** False while the page is hidden or not focused: nothing is marked as read then. */
  setAttentive = (attentive: boolean): void => {
    this.#attentive = attentive;
    this.#markRead();
  };

  #markRead(): void {
    const state = this.#timeline.state.get();
    if (!this.#bottom || !this.#attentive || !state.atEnd || state.loading) return;
    const last = state.items.findLast((item) => item.eventId !== null);
    if (!last?.eventId || last.eventId === this.#markedRead) return;
    this.#markedRead = last.eventId;
    void this.#timeline.markReadUpTo(last.eventId);
  }

  jumpToLatest = async (): Promise<void> => {
    await this.#timeline.jumpToLive();
    this.#aim(END);
  };

  jumpToUnread = async (): Promise<void> => {
    if (this.get().unreadBefore && !(await this.#timeline.focusMarker().catch(() => false))) return this.merge({ failure: "notFound" });
    if (this.get().firstUnread) this.#aim("unread");
  };

  focus = async (eventId: string): Promise<void> => {
    const found = await this.#timeline.focus(eventId).catch(() => false);
    const item = this.#timeline.state.get().items.find((one) => one.eventId === eventId);
    if (!found || !item) return this.merge({ failure: "notFound" });
    const row = this.get().rows.find((one) => (one.kind === "changes" || one.kind === "unreadable") && one.items.includes(item));
    if (row?.kind === "unreadable" && !row.open) this.toggleFold(row.id);
    this.merge({ highlighted: item.id });
    this.#aim(row?.kind === "changes" ? row.id : item.id);
  };

  #aim(rowId: string): void {
    this.#seq += 1;
    this.merge({ target: { rowId, seq: this.#seq } });
  }

  react = (item: TimelineItem, key: string): Promise<void> =>
    this.#try(() => (item.eventId ? this.#timeline.react(item.eventId, key) : Promise.resolve()));
  remove = (item: TimelineItem): Promise<void> =>
    this.#try(() => (item.eventId ? this.#timeline.remove(item.eventId, "") : Promise.resolve()));
  retry = (item: TimelineItem): Promise<void> => this.#try(() => this.#timeline.retry(item.id));
  cancel = (item: TimelineItem): Promise<void> => this.#try(() => this.#timeline.cancel(item.id));

  permalink = (item: TimelineItem): string => (item.eventId ? this.#timeline.permalink(item.eventId) : "");

  /** The last own text still editable: what the up arrow edits in an empty composer. */
  lastEditable = (): TimelineItem | null =>
    this.#timeline.state.get().items.findLast((item) => item.canEdit && item.eventId !== null) ?? null;

  clearFailure = (): void => this.merge({ failure: null });

  async #try(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.merge({ failure: kindOf(error) });
    }
  }
}
