// SPDX-License-Identifier: Apache-2.0
import { type KeyboardEvent, useId, useMemo, useState } from "react";
import type { RoomSummary } from "../../core/port/rooms.ts";
import { sectionsOf } from "../../viewmodels/room-list.ts";
import { Avatar } from "../Avatar/Avatar.tsx";
import { Dialog } from "../Dialog/Dialog.tsx";
import { useWords } from "../words.ts";
import styles from "./Switcher.module.css";

interface Props {
  readonly rooms: readonly RoomSummary[];
  readonly onOpen: (roomId: string) => void;
  readonly onClose: () => void;
}

const MAX = 8;

/** Ctrl + K: type a few letters, Enter, and be there. */
export function SwitcherView({ rooms, onOpen, onClose }: Props) {
  const words = useWords();
  const id = useId();
  const [query, setQuery] = useState("");
  const [selected, setSelected] = useState(0);
  const found = useMemo(() => sectionsOf(rooms, "all", query).flatMap((section) => section.rooms).slice(0, MAX), [rooms, query]);
  const choose = (index: number): void => {
    const room = found[index];
    if (room) onOpen(room.id);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown") setSelected((now) => Math.min(found.length - 1, now + 1));
    else if (event.key === "ArrowUp") setSelected((now) => Math.max(0, now - 1));
    else if (event.key === "Enter") choose(selected);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title={words.rooms.switcher} onClose={onClose}>
      <input
        className={styles.input} role="combobox" aria-expanded="true" aria-controls={id} aria-autocomplete="list" aria-label={words.rooms.switcherHelp}
        aria-activedescendant={found.length > 0 ? `${id}-${selected}` : undefined} placeholder={words.rooms.switcherHelp} value={query} autoFocus data-autofocus
        onChange={(event) => { setQuery(event.target.value); setSelected(0); }} onKeyDown={onKey}
      />
      <div id={id} role="listbox" aria-label={words.rooms.title} className={styles.list}>
        {found.map((room, index) => (
          <div key={room.id} id={`${id}-${index}`} role="option" aria-selected={index === selected} className={styles.option} onClick={() => choose(index)}>
            <Avatar id={room.otherUserId ?? room.id} name={room.name} mxc={room.avatar} size={32} square={!room.direct} />
            <span className={styles.name}>{room.name}</span>
            {room.externals ? <span className={styles.external}>{room.direct ? words.people.guest : words.people.guests}</span> : null}
          </div>
        ))}
      </div>
      {found.length === 0 ? <p role="status">{words.rooms.nothingFound}</p> : null}
    </Dialog>
  );
}
