// SPDX-License-Identifier: Apache-2.0
import { useRef, useState } from "react";
import type { NotificationLevel } from "../../core/port/rooms.ts";
import type { RoomSnapshot, RoomViewModel } from "../../viewmodels/room.ts";
import { Avatar } from "../Avatar/Avatar.tsx";
import { Button, IconButton } from "../Button/Button.tsx";
import { Confirm } from "../Dialog/Dialog.tsx";
import { Icon } from "../Icon/Icon.tsx";
import type { InviteesActions } from "../Invitees/InviteesView.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";
import { Editable } from "./Editable.tsx";
import { Members } from "./Members.tsx";
import { Pending } from "./Pending.tsx";
import styles from "./RoomPanel.module.css";

export type RoomPanelActions = Pick<RoomViewModel,
  "closePanel" | "searchMembers" | "invite" | "inviteAgain" | "withdraw" | "setOpening" | "verify" | "leave" | "kick" | "ban" | "unban" | "setRole" | "rename"
  | "setTopic" | "setAvatar" | "setFavourite" | "setNotifications">;

export interface RoomPanelProps {
  readonly state: RoomSnapshot;
  readonly actions: RoomPanelActions;
  readonly invitees: InviteesActions;
  readonly me: string;
  readonly onWrite: (userId: string) => void;
}

const LEVELS: readonly NotificationLevel[] = ["all", "mentions", "mute"];

export function RoomPanelView(props: RoomPanelProps) {
  const { state, actions } = props;
  const words = useWords();
  const [leaving, setLeaving] = useState(false);
  const picture = useRef<HTMLInputElement>(null);
  const { details } = state;
  const levelName = { all: words.room.notifyAll, mentions: words.room.notifyMentions, mute: words.room.notifyMute };
  return (
    <aside className={styles.panel} aria-label={words.room.info}>
      <header className={styles.head}>
        <h2>{words.room.info}</h2>
        <IconButton icon="close" label={words.app.close} onClick={actions.closePanel} />
      </header>
      <div className={styles.scroll} tabIndex={-1}>
        <section className={styles.identity}>
          <Avatar id={details.otherUserId ?? details.id} name={details.name} mxc={details.avatar} size={72} square={!details.direct} />
          <Editable
            label={words.room.name} value={details.name} may={details.rights.rename && !details.direct}
            onSave={(value) => void actions.rename(value)} strong
          />
          {details.otherUserId ? <p className={styles.soft}>{details.otherUserId}</p> : null}
          {details.rights.avatar && !details.direct ? (
            <>
              <Button look="quiet" onClick={() => picture.current?.click()}>{words.room.picture}</Button>
              <input ref={picture} type="file" accept="image/*" className="sr" tabIndex={-1} aria-label={words.room.picture}
                onChange={(event) => { const file = event.target.files?.[0]; if (file) void actions.setAvatar(file); }} />
            </>
          ) : null}
          {!details.direct && (details.topic || details.rights.topic) ? (
            <Editable label={words.room.topic} value={details.topic} may={details.rights.topic} onSave={(value) => void actions.setTopic(value)} />
          ) : null}
          <p className={styles.fact} data-ok={details.encrypted || undefined}>
            <Icon name={details.encrypted ? "lock" : "unlock"} size={16} /> {details.encrypted ? words.room.encrypted : words.room.notEncrypted}
          </p>
          {details.isPublic ? <p className={styles.fact}><Icon name="globe" size={16} /> {words.room.public}</p> : null}
          {!details.direct && details.guests === "open" ? <p className={styles.fact} title={words.people.openRoomHelp}><Icon name="people" size={16} /> {words.people.openRoom}</p> : null}
          {details.otherUserId ? (
            state.otherVerified
              ? <p className={styles.fact} data-ok><Icon name="shield" size={16} /> {words.room.verified}</p>
              : <Button icon="shield" disabled={state.busy} onClick={() => void actions.verify()}>{words.room.verify}</Button>
          ) : null}
        </section>
        {state.failure ? (
          <Notice tone="danger">{words.failure[state.failure]}</Notice>
        ) : null}
        {details.direct ? <Pending state={state} actions={actions} /> : <Members {...props} />}
        <fieldset className={styles.choice}>
          <legend>{words.room.notifications}</legend>
          {LEVELS.map((level) => (
            <label key={level}>
              <input type="radio" name="notifications" checked={details.notifications === level} onChange={() => void actions.setNotifications(level)} /> {levelName[level]}
            </label>
          ))}
        </fieldset>
        {!details.direct ? (
          <dl className={styles.facts}>
            {details.alias ? <div><dt>{words.room.address}</dt><dd>{details.alias}</dd></div> : null}
            <div><dt>{words.room.history}</dt><dd>{words.room.historyValue(details.historyVisibility)}</dd></div>
          </dl>
        ) : null}
        <Button look="danger" icon="leave" wide onClick={() => setLeaving(true)}>{words.room.leave}</Button>
      </div>
      {leaving ? (
        <Confirm
          title={words.room.leave} text={state.lastAdmin ? words.room.leaveLastAdmin : words.room.leaveConfirm} action={words.room.leave} danger
          onCancel={() => setLeaving(false)} onConfirm={() => { setLeaving(false); void actions.leave(); }}
        />
      ) : null}
    </aside>
  );
}
