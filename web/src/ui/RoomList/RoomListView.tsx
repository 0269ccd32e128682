// SPDX-License-Identifier: Apache-2.0
import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef } from "react";
import { VList, type VListHandle } from "virtua";
import type { RoomFilter, RoomListSnapshot, RoomListViewModel, SectionKind } from "../../viewmodels/room-list.ts";
import { IconButton } from "../Button/Button.tsx";
import { Icon } from "../Icon/Icon.tsx";
import { useWords } from "../words.ts";
import { RoomRow } from "./RoomRow.tsx";
import styles from "./RoomList.module.css";

export type RoomListActions = Pick<RoomListViewModel,
  "setFilter" | "setQuery" | "markRead" | "markUnread" | "setFavourite" | "setLowPriority">;

interface Props {
  readonly state: RoomListSnapshot;
  readonly actions: RoomListActions;
  readonly now: number;
  /** The menu of the accounts. */
  readonly accounts?: ReactNode;
  readonly onOpen: (roomId: string) => void;
  readonly onCreate: () => void;
  readonly onSettings: () => void;
}

const FILTERS: readonly RoomFilter[] = ["all", "unread", "people", "groups", "favourites"];

export function RoomListView(props: Props) {
  const { state, actions, onCreate, onSettings } = props;
  const words = useWords();
  return (
    <nav className={styles.panel} aria-label={words.rooms.title}>
      <header className={styles.head}>
        <h1 className={styles.title}>{words.rooms.title}</h1>
        {props.accounts}
        <IconButton icon="settings" label={words.rooms.settings} onClick={onSettings} />
        <IconButton icon="plus" label={words.rooms.start} onClick={onCreate} className={styles.create} />
      </header>
      <div className={styles.search} role="search">
        <Icon name="search" size={18} />
        <input
          type="search" aria-label={words.rooms.search} placeholder={words.rooms.search} value={state.query}
          onChange={(event) => actions.setQuery(event.target.value)}
          onKeyDown={(event) => { if (event.key === "Escape") actions.setQuery(""); }}
        />
        {state.query ? <IconButton icon="close" size={16} label={words.rooms.clearSearch} onClick={() => actions.setQuery("")} /> : null}
      </div>
      <div className={styles.filters} role="group" aria-label={words.rooms.filters}>
        {FILTERS.map((filter) => (
          <button
            key={filter} type="button" className={styles.filter} aria-pressed={state.filter === filter}
            onClick={() => actions.setFilter(filter)}
          >
            {words.rooms[filter]}
            {filter === "unread" && state.unreadRooms > 0 ? <span className={styles.filterCount}>{state.unreadRooms}</span> : null}
          </button>
        ))}
      </div>
      <Rooms {...props} />
    </nav>
  );
}

type Line = { readonly kind: "title"; readonly section: SectionKind } | { readonly kind: "room"; readonly index: number };

function Rooms({ state, actions, now, onOpen, onCreate }: Props) {
  const words = useWords();
  const list = useRef<VListHandle>(null);
  const rooms = useMemo(() => state.sections.flatMap((section) => section.rooms), [state.sections]);
  const lines = useMemo(() => {
    const result: Line[] = [];
    let index = 0;
    for (const section of state.sections) {
      if (state.sections.length > 1 || section.kind !== "main") result.push({ kind: "title", section: section.kind });
      for (const _room of section.rooms) { result.push({ kind: "room", index }); index += 1; }
    }
    return result;
  }, [state.sections]);

  const { selected } = state;
  const lineOf = useRef<(id: string | null) => number>(() => -1);
  lineOf.current = (id) => lines.findIndex((line) => line.kind === "room" && rooms[line.index]?.id === id);
  // Opened from a notification or the switcher: the list shows where one is.
  useEffect(() => {
    const line = lineOf.current(selected);
    if (line >= 0) list.current?.scrollToIndex(line, { align: "nearest" });
  }, [selected]);

  if (!state.ready) return <div className={styles.empty} role="status">{words.app.loading}</div>;
  if (rooms.length === 0) {
    return (
      <div className={styles.empty}>
        <p>{state.total > 0 ? words.rooms.nothingFound : state.offline ? words.rooms.noneOffline : words.rooms.none}</p>
        {state.total === 0 && !state.offline ? <p><button type="button" className={styles.link} onClick={onCreate}>{words.rooms.noneHelp}</button></p> : null}
      </div>
    );
  }
  const titles: Readonly<Record<SectionKind, string>> = {
    invitations: words.rooms.invitations, favourites: words.rooms.favourites,
    main: words.rooms.title, lowPriority: words.rooms.lowPriority,
  };
  const reachable = rooms.some((room) => room.id === state.selected) ? state.selected : rooms[0]?.id;
  const onKey = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const current = (event.target as HTMLElement).closest("[data-line]")?.getAttribute("data-line");
    if (!step || current === null || current === undefined) return;
    let line = Number(current) + step;
    while (lines[line]?.kind === "title") line += step;
    if (!lines[line]) return;
    event.preventDefault();
    list.current?.scrollToIndex(line, { align: "nearest" });
    requestAnimationFrame(() => {
      document.querySelector<HTMLElement>(`[data-line="${line}"] a`)?.focus();
    });
  };
  return (
    <div className={styles.list} onKeyDown={onKey}>
      <VList ref={list} className={styles.scroll} itemSize={68} tabIndex={-1}>
        {lines.map((line, index) => {
          if (line.kind === "title") return <h2 key={line.section} className={styles.section}>{titles[line.section]}</h2>;
          const room = rooms[line.index];
          return room ? (
            <RoomRow
              key={room.id} room={room} line={index} selected={room.id === state.selected} reachable={room.id === reachable}
              draft={state.drafts.has(room.id)} now={now} onOpen={onOpen} actions={actions}
            />
          ) : <span key={index} />;
        })}
      </VList>
    </div>
  );
}
