// SPDX-License-Identifier: Apache-2.0
import type { RoomDetails } from "../../core/port/rooms.ts";
import type { Messages } from "../../i18n/index.ts";
import { Avatar } from "../Avatar/Avatar.tsx";
import { IconButton } from "../Button/Button.tsx";
import { Icon } from "../Icon/Icon.tsx";
import { useWords } from "../words.ts";
import styles from "./RoomHead.module.css";

interface Props {
  readonly details: RoomDetails;
  readonly panelOpen: boolean;
  readonly verified: boolean;
  readonly onBack: () => void;
  readonly onPanel: () => void;
}

export function typingText(names: readonly string[], words: Messages): string {
  const [first, second] = names;
  if (first === undefined) return "";
  if (second === undefined) return words.room.typingOne(first);
  return names.length === 2 ? words.room.typingTwo(first, second) : words.room.typingMany(names.length);
}

export function RoomHeadView({ details, panelOpen, verified, onBack, onPanel }: Props) {
  const words = useWords();
  const typing = typingText(details.typing, words);
  // In a direct conversation the other one tells; who reads this may be from outside too.
  const present = details.members.some((member) => member.guest && member.membership !== "ban" && (!details.direct || member.id === details.otherUserId));
  const externals = present || (!details.direct && details.guests === "open");
  const facts = [
    // Before joining, the server tells of some members only.
    details.direct ? details.otherUserId ?? "" : details.membership === "invite" ? "" : words.room.members(details.memberCount),
    details.topic,
  ].filter(Boolean).join(" · ");
  return (
    <header className={styles.head}>
      <IconButton icon="back" label={words.app.back} className={styles.back} onClick={onBack} />
      <Avatar id={details.otherUserId ?? details.id} name={details.name} mxc={details.avatar} size={40} square={!details.direct} />
      <div className={styles.text}>
        <h1 className={styles.name}>
          <span className={styles.nameText}>{details.name}</span>
          <span className={styles.lock} data-on={details.encrypted || undefined} title={details.encrypted ? words.room.encrypted : words.room.notEncrypted}>
            <Icon name={verified ? "shield" : details.encrypted ? "lock" : "unlock"} size={15} />
            <span className="sr">{details.encrypted ? words.room.encrypted : words.room.notEncrypted}</span>
          </span>
          {details.isPublic ? <span className={styles.tag}>{words.room.public}</span> : null}
          {externals ? (
            <span className={styles.tag} data-warn title={details.direct ? words.people.guestHelp : words.people.externalsHelp}>{details.direct ? words.people.guest : words.people.guests}</span>
          ) : null}
        </h1>
        <p className={styles.facts} data-typing={typing ? "" : undefined} aria-live="polite">{typing || facts}</p>
      </div>
      <IconButton icon="info" label={words.room.info} aria-expanded={panelOpen} onClick={onPanel} />
    </header>
  );
}
