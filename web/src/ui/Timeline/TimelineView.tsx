// SPDX-License-Identifier: Apache-2.0
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { VList, type VListHandle } from "virtua";
import { dayName } from "../../i18n/format.ts";
import type { Row } from "../../viewmodels/rows.ts";
import { END, type TimelineSnapshot, type TimelineViewModel } from "../../viewmodels/timeline.ts";
import { Button, IconButton } from "../Button/Button.tsx";
import { type MessageActions, MessageRow } from "../Message/MessageRow.tsx";
import { useWords } from "../words.ts";
import { ChangesRow } from "./ChangesRow.tsx";
import { UnreadableRow } from "./UnreadableRow.tsx";
import styles from "./Timeline.module.css";

export type TimelineActions = Pick<TimelineViewModel, "loadOlder" | "loadNewer" | "setAtBottom" | "jumpToLatest" | "jumpToUnread" | "toggleFold">;

interface Props {
  readonly state: TimelineSnapshot;
  readonly actions: TimelineActions;
  readonly messageActions: MessageActions;
  readonly name: string;
  readonly direct: boolean;
  readonly now: number;
}

/** How close to an end of what is loaded more is asked for, in pixels. */
const NEAR = 1200;
/** How far from the end still counts as reading the newest message, in pixels. */
const AT_BOTTOM = 24;

/** What a row is known by when history joins it: its last item. */
const anchorOf = (row: Row): string | null => {
  switch (row.kind) {
    case "message": return row.item.id;
    case "changes": case "unreadable": return row.items.at(-1)?.id ?? null;
    default: return null;
  }
};

/** True when rows were added before the ones already shown: what is read must not move. */
export function wasPrepended(before: readonly Row[], now: readonly Row[]): boolean {
  const known = before.find((row) => anchorOf(row) !== null);
  if (!known || now === before) return false;
  const was = before.indexOf(known);
  const is = now.findIndex((row) => anchorOf(row) === anchorOf(known));
  return is > was;
}

/** For how many frames a message that was asked for is looked after. */
const HOLD_FRAMES = 120;

function overlap(one: Element, other: Element): boolean {
  const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
  return a.bottom > b.top && a.top < b.bottom;
}

export function TimelineView({ state, actions, messageActions, name, direct, now }: Props) {
  const words = useWords();
  const list = useRef<VListHandle>(null);
  const box = useRef<HTMLDivElement>(null);
  const stick = useRef(true);
  /** The row that was asked for: held in view, as rows around it come and are measured, until the person moves. */
  const held = useRef<string | null>(null);
  const holding = useRef(0);
  const lastOffset = useRef(0);
  /** A line was opened or closed, and what it holds has not found its height yet. */
  const folding = useRef(false);
  const shownRows = useRef<readonly Row[]>([]);
  const [active, setActive] = useState<string | null>(null);
  const [atBottom, setAtBottom] = useState(true);
  const { rows } = state;
  // Rows that come before the list was measured have moved nothing: told of them, it would wait for a scrolling that never comes.
  const prepended = (list.current?.viewportSize ?? 0) > 0 && wasPrepended(shownRows.current, rows);

  // The list forgets where it was going when rows before it are measured on the way: look until it is there.
  const holdOn = (frames: number): void => {
    cancelAnimationFrame(holding.current);
    holding.current = requestAnimationFrame(() => {
      const id = held.current;
      if (id === null || frames === 0 || !box.current) return;
      const row = box.current.querySelector(`[data-key="${CSS.escape(id)}"]`);
      if (row && !overlap(row, box.current)) row.scrollIntoView({ block: "center" });
      if (!row) list.current?.scrollToIndex(shownRows.current.findIndex((one) => one.id === id), { align: "center" });
      holdOn(frames - 1);
    });
  };

  const keepPlace = (): void => {
    const handle = list.current;
    if (!handle || shownRows.current.length === 0) return;
    if (!stick.current) {
      const index = held.current === null ? -1 : shownRows.current.findIndex((row) => row.id === held.current);
      if (index < 0) return;
      handle.scrollToIndex(index, { align: "center" });
      holdOn(HOLD_FRAMES);
      return;
    }
    handle.scrollToIndex(shownRows.current.length - 1, { align: "end" });
    // Known before the event tells: a gesture may come first, and is measured from here.
    lastOffset.current = handle.scrollSize - handle.viewportSize;
  };

  useLayoutEffect(() => {
    shownRows.current = rows;
    if (!prepended || held.current !== null) keepPlace();
  }, [rows, prepended]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      keepPlace();
      const handle = list.current;
      if (!folding.current || !handle) return;
      folding.current = false;
      look.current(handle.scrollOffset);
    });
    observer.observe(element);
    // Its height is that of all rows: a picture that takes its place moves the end.
    const content = element.querySelector("[data-timeline]")?.firstElementChild;
    if (content) observer.observe(content);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(holding.current);
    };
  }, []);

  useEffect(() => {
    if (!state.target) return;
    const { rowId } = state.target;
    stick.current = rowId === END || rowId === rows.at(-1)?.id;
    held.current = stick.current ? null : rowId;
    keepPlace();
    // Only a new request moves the view, not new rows.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [state.target]);

  const letGo = (): void => {
    held.current = null;
  };

  // The keyboard enters the conversation at one message; when that one is far away, at the first in sight.
  const keepReachable = (from: number): void => {
    if (box.current?.querySelector("article[tabindex='0']")) return;
    const next = rows.slice(from).find((row) => row.kind === "message");
    if (next) setActive(next.id);
  };

  const onScroll = (offset: number): void => {
    const handle = list.current;
    if (!handle) return;
    // The list learns of its own new height later than of the scrolling that it causes: ask the page.
    const height = box.current?.querySelector("[data-timeline]")?.clientHeight ?? handle.viewportSize;
    const below = handle.scrollSize - height - offset;
    const bottom = below <= AT_BOTTOM;
    const before = lastOffset.current;
    lastOffset.current = offset;
    // Only a person moves the view up; the end also moves away when rows or the window change their height.
    if (bottom && held.current === null) stick.current = state.atEnd;
    else if (offset < before - 1) stick.current = false;
    if (stick.current && !bottom) return;
    if (bottom !== atBottom) setAtBottom(bottom);
    actions.setAtBottom(bottom && state.atEnd);
    keepReachable(handle.findItemIndex(offset));
    if (offset < NEAR) void actions.loadOlder();
    if (below < NEAR && !state.atEnd) void actions.loadNewer();
  };

  const look = useRef(onScroll);
  look.current = onScroll;

  // What is opened grows downwards: the line that was pressed stays where it is, also at the end of the conversation.
  const { toggleFold } = actions;
  const onFold = useCallback((rowId: string): void => {
    stick.current = false;
    held.current = null;
    folding.current = true;
    toggleFold(rowId);
  }, [toggleFold]);

  // A short first page does not scroll: fill the window without waiting for a gesture.
  useEffect(() => {
    const handle = list.current;
    if (!state.loading && !state.loadingOlder && !state.atStart && handle && handle.scrollSize <= handle.viewportSize + NEAR) void actions.loadOlder();
  }, [rows, state.loading, state.loadingOlder, state.atStart, actions]);

  const onMove = useCallback((from: string, step: 1 | -1): void => {
    const all = shownRows.current;
    let index = all.findIndex((row) => row.id === from) + step;
    while (all[index] && all[index]?.kind !== "message") index += step;
    const next = all[index];
    if (!next) return;
    list.current?.scrollToIndex(index, { align: "nearest" });
    setActive(next.id);
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-item="${CSS.escape(next.id)}"]`)?.focus());
  }, []);

  const lastMessage = rows.findLast((row) => row.kind === "message")?.id ?? null;
  const reachable = rows.some((row) => row.id === active) ? active : lastMessage;
  return (
    <div
      className={styles.box} ref={box} role="region" aria-label={words.room.messages(name)}
      onWheelCapture={letGo} onTouchMoveCapture={letGo} onPointerDownCapture={letGo} onKeyDownCapture={letGo}
    >
      {state.loading && rows.length === 0 ? <p className={styles.loading} role="status">{words.app.loading}</p> : null}
      <VList ref={list} className={styles.scroll} shift={prepended} onScroll={onScroll} itemSize={56} tabIndex={-1} data-timeline>
        {rows.map((row) => (
          <div key={row.id} data-row={row.kind} data-key={row.id}>
            <RowView
              row={row} direct={direct} name={name} now={now} actions={messageActions} highlighted={row.id === state.highlighted}
              active={row.id === reachable} onMove={onMove} onActivate={setActive} onFold={onFold}
            />
          </div>
        ))}
      </VList>
      {state.loadingOlder ? <p className={styles.older} role="status">{words.timeline.older}</p> : null}
      {state.unreadBefore || (state.firstUnread && atBottom && rows.findIndex((row) => row.kind === "unread") < rows.length - 15) ? (
        <Button className={styles.toUnread} icon="up" onClick={() => void actions.jumpToUnread()}>{words.timeline.jumpUnread}</Button>
      ) : null}
      {!atBottom || !state.atEnd ? (
        <div className={styles.toLatest}>
          {state.newBelow > 0 ? <span className={styles.newCount} role="status">{words.timeline.newCount(state.newBelow)}</span> : null}
          <IconButton icon="down" label={words.timeline.jumpLatest} onClick={() => void actions.jumpToLatest()} />
        </div>
      ) : null}
    </div>
  );
}

interface RowProps {
  readonly row: Row;
  readonly direct: boolean;
  readonly name: string;
  readonly now: number;
  readonly actions: MessageActions;
  readonly highlighted: boolean;
  readonly active: boolean;
  readonly onMove: (from: string, step: 1 | -1) => void;
  readonly onActivate: (id: string) => void;
  readonly onFold: (rowId: string) => void;
}

function RowView({ row, direct, name, now, actions, highlighted, active, onMove, onActivate, onFold }: RowProps) {
  const words = useWords();
  switch (row.kind) {
    case "start": return <p className={styles.start}>{direct ? words.timeline.startDirect(name) : words.timeline.start}</p>;
    case "day": return <div className={styles.day}><h2>{dayName(row.at, now)}</h2></div>;
    case "unread": return <div className={styles.unread}><span>{words.timeline.newMessages}</span></div>;
    case "unreadable": return <UnreadableRow id={row.id} reason={row.reason} count={row.items.length} open={row.open} onToggle={onFold} onAttend={actions.attend} />;
    case "changes": return <ChangesRow items={row.items} />;
    case "message":
      return (
        <MessageRow
          item={row.item} first={row.first} last={row.last} active={active} highlighted={highlighted} direct={direct}
          actions={actions} onMove={onMove} onActivate={onActivate}
        />
      );
  }
}
