// SPDX-License-Identifier: Apache-2.0
import { memo } from "react";
import type { Preview, RoomSummary } from "../../core/port/rooms.ts";
import { shortWhen } from "../../i18n/format.ts";
import type { Messages } from "../../i18n/index.ts";
import { Avatar } from "../Avatar/Avatar.tsx";
import { Icon } from "../Icon/Icon.tsx";
import { Menu } from "../Menu/Menu.tsx";
import { useWords } from "../words.ts";
import type { RoomListActions } from "./RoomListView.tsx";
import styles from "./RoomList.module.css";

interface Props {
  readonly room: RoomSummary;
  readonly line: number;
  readonly selected: boolean;
  readonly reachable: boolean;
  readonly draft: boolean;
  readonly now: number;
  readonly onOpen: (roomId: string) => void;
  readonly actions: RoomListActions;
}

export const RoomRow = memo(function RoomRow({ room, line, selected, reachable, draft, now, onOpen, actions }: Props) {
  const words = useWords();
  const unread = room.unread > 0 || room.markedUnread || room.membership === "invite";
  return (
    <div className={styles.row} data-line={line} data-selected={selected || undefined} data-unread={unread || undefined}>
      <a
        className={styles.rowLink} href={`#/salon/${encodeURIComponent(room.id)}`} aria-current={selected ? "page" : undefined}
        tabIndex={reachable ? 0 : -1} onClick={(event) => { event.preventDefault(); onOpen(room.id); }}
      >
        <Avatar id={room.otherUserId ?? room.id} name={room.name} mxc={room.avatar} size={44} square={!room.direct} />
        <span className={styles.rowText}>
          <span className={styles.rowTop}>
            <span className={styles.rowName}>{room.name}</span>
            {room.externals ? <span className={styles.external} title={room.direct ? words.people.guestHelp : words.people.externalsHelp}>{room.direct ? words.people.guest : words.people.guests}</span> : null}
            {room.notifications === "mute" ? <span className={styles.muted}><Icon name="bellOff" size={14} /><span className="sr">{words.rooms.muted}</span></span> : null}
            <span className={styles.when}>{shortWhen(room.lastActivity, now)}</span>
          </span>
          <span className={styles.rowBottom}>
            <span className={styles.preview}>
              {draft ? <span className={styles.draft}>{words.rooms.draft}</span> : null}
              {previewText(room, words)}
            </span>
            <Badge room={room} />
          </span>
        </span>
      </a>
      {room.membership === "join" ? (
        <Menu
          label={words.rooms.menu(room.name)} className={styles.rowMenu} tabIndex={reachable ? 0 : -1}
          items={[
            unread ? { label: words.rooms.markRead, icon: "check", run: () => void actions.markRead(room.id) }
              : { label: words.rooms.markUnread, icon: "group", run: () => void actions.markUnread(room.id) },
            { label: room.favourite ? words.rooms.unfavourite : words.rooms.favourite, icon: "star", run: () => void actions.setFavourite(room.id, !room.favourite) },
            { label: room.lowPriority ? words.rooms.unlower : words.rooms.lower, icon: "down", run: () => void actions.setLowPriority(room.id, !room.lowPriority) },
          ]}
        />
      ) : null}
    </div>
  );
});

function Badge({ room }: { readonly room: RoomSummary }) {
  const words = useWords();
  if (room.mentions > 0) return <span className={styles.badge} data-mention><span aria-hidden="true">@{room.mentions}</span><span className="sr">{words.rooms.mentionCount(room.mentions)}</span></span>;
  if (room.unread > 0) {
    return (
      <span className={styles.badge} data-muted={room.notifications !== "all" || undefined}>
        <span aria-hidden="true">{room.unread > 99 ? "99+" : room.unread}</span><span className="sr">{words.rooms.unreadCount(room.unread)}</span>
      </span>
    );
  }
  if (room.markedUnread || room.membership === "invite") return <span className={styles.dot}><span className="sr">{words.rooms.markedUnread}</span></span>;
  return null;
}

/** Names longer than this are shortened in the list, in letters. */
const LONG_NAME = 14;

function previewText(room: RoomSummary, words: Messages): string {
  if (room.membership === "invite") return room.inviter ? words.rooms.invitedBy(room.inviter.name) : words.rooms.invited;
  return room.preview ? describe(room.preview, room.direct, words) : "";
}

function describe(preview: Preview, direct: boolean, words: Messages): string {
  const text = contentText(preview, words);
  if (preview.mine) return `${words.rooms.you} : ${text}`;
  // Of a long name the first one is enough: the place is for what was said.
  const { senderName } = preview;
  return direct ? text : `${senderName.length > LONG_NAME ? senderName.split(" ")[0] : senderName} : ${text}`;
}

function contentText(preview: Preview, words: Messages): string {
  switch (preview.kind) {
    case "text": return preview.text;
    case "deleted": return words.rooms.deleted;
    case "undecryptable": return words.rooms.undecryptable;
    default: return preview.text ? `${words.rooms[preview.kind]} · ${preview.text}` : words.rooms[preview.kind];
  }
}
