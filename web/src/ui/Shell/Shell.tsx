// SPDX-License-Identifier: Apache-2.0
import { type DragEvent, type ReactNode, useState, useSyncExternalStore } from "react";
import type { RoomDetails } from "../../core/port/rooms.ts";
import { Button } from "../Button/Button.tsx";
import { droppedFiles } from "../files.ts";
import { Icon } from "../Icon/Icon.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";
import styles from "./Shell.module.css";

interface ShellProps {
  readonly list: ReactNode;
  readonly main: ReactNode;
  /** On a phone one part fills the screen: the conversation when there is one. */
  readonly inRoom: boolean;
  readonly banners: ReactNode;
}

/** Where list and conversation do not fit side by side; as in the style sheet. */
const NARROW = "(max-width: 48rem)";
const watchWidth = (told: () => void): (() => void) => {
  const narrow = window.matchMedia(NARROW);
  narrow.addEventListener("change", told);
  return () => narrow.removeEventListener("change", told);
};
const isNarrow = (): boolean => window.matchMedia(NARROW).matches;

export function Shell({ list, main, inRoom, banners }: ShellProps) {
  const words = useWords();
  const narrow = useSyncExternalStore(watchWidth, isNarrow);
  return (
    <div className={styles.shell} data-in-room={inRoom || undefined}>
      <a className={styles.skip} href="#conversation" onClick={(event) => { event.preventDefault(); document.getElementById("conversation")?.focus(); }}>{words.app.skip}</a>
      <div className={styles.banners}>{banners}</div>
      <div className={styles.list} role={narrow && !inRoom ? "main" : undefined}>{list}</div>
      <main id="conversation" className={styles.main} tabIndex={-1} hidden={narrow && !inRoom}>{main}</main>
    </div>
  );
}

/** A conversation and, beside it, what is known of it. */
export function RoomLayout({ head, panel, children }: { readonly head: ReactNode; readonly panel: ReactNode | null; readonly children: ReactNode }) {
  return (
    <div className={styles.room}>
      <div className={styles.conversation}>{head}{children}</div>
      {panel ? <div className={styles.panel}>{panel}</div> : null}
    </div>
  );
}

/** `onBack`: where a phone goes that was led to a conversation which is not at hand. */
export function NothingOpen({ onBack }: { readonly onBack?: () => void }) {
  const words = useWords();
  return (
    <div className={styles.nothing}>
      <img src="/icon.svg" alt="" width={72} height={72} />
      <h2>{words.rooms.pickOne}</h2>
      <p>{words.rooms.pickHelp}</p>
      {onBack ? <Button icon="back" className={styles.phoneOnly} onClick={onBack}>{words.app.back}</Button> : null}
    </div>
  );
}

/** Takes files dropped anywhere on the conversation; `onFiles` is null where nothing can be sent. */
export function DropZone({ children, onFiles }: { readonly children: ReactNode; readonly onFiles: ((files: readonly File[]) => void) | null }) {
  const words = useWords();
  const [over, setOver] = useState(false);
  const onDrag = (event: DragEvent, inside: boolean): void => {
    if (!onFiles || !event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    if (inside !== over) setOver(inside);
  };
  const onDrop = (event: DragEvent): void => {
    onDrag(event, false);
    const files = droppedFiles(event.dataTransfer);
    if (files.length > 0) onFiles?.(files);
  };
  return (
    <div
      className={styles.drop} onDragOver={(event) => onDrag(event, true)} onDrop={onDrop}
      onDragLeave={(event) => { if (!event.currentTarget.contains(event.relatedTarget as Node | null)) onDrag(event, false); }}
    >
      {children}
      {over ? <div className={styles.dropHint}><Icon name="attach" size={32} /> {words.composer.drop}</div> : null}
    </div>
  );
}

interface NotHereProps {
  readonly busy: boolean;
  readonly problem: string | null;
  readonly onJoin: () => void;
  readonly onBack: () => void;
}

/** A link led to a conversation that this person is not in. */
export function NotHere({ busy, problem, onJoin, onBack }: NotHereProps) {
  const words = useWords();
  return (
    <div className={styles.nothing}>
      <h2>{words.room.notHere}</h2>
      <p>{words.room.notHereHelp}</p>
      {problem ? <Notice tone="danger">{problem}</Notice> : null}
      <div className={styles.buttons}>
        <Button onClick={onBack}>{words.app.back}</Button>
        <Button look="primary" disabled={busy} onClick={onJoin}>{words.room.tryJoin}</Button>
      </div>
    </div>
  );
}

interface InviteProps {
  readonly details: RoomDetails;
  readonly busy: boolean;
  readonly problem: string | null;
  readonly onAccept: () => void;
  readonly onDecline: () => void;
}

/** An invitation: who sends it, by what identifier, to what kind of conversation. */
export function InvitePrompt({ details, busy, problem, onAccept, onDecline }: InviteProps) {
  const words = useWords();
  const { inviter } = details;
  return (
    <div className={styles.nothing}>
      <h2>{details.name}</h2>
      <p>{inviter ? words.room.invitePrompt(inviter.name) : words.room.invitePromptAnonymous}</p>
      {inviter ? <p className={styles.identifier}>{inviter.id}</p> : null}
      {details.topic ? <p>{details.topic}</p> : null}
      {details.encrypted ? null : <Notice tone="warn">{details.isPublic ? words.kinds.publicInvite : words.room.inviteClear}</Notice>}
      {!details.direct && details.guests === "open" ? <Notice>{words.people.openRoomHelp}</Notice> : null}
      {problem ? <Notice tone="danger">{problem}</Notice> : null}
      <div className={styles.buttons}>
        <Button disabled={busy} onClick={onDecline}>{words.room.declineInvite}</Button>
        <Button look="primary" disabled={busy} onClick={onAccept}>{words.room.joinInvite}</Button>
      </div>
    </div>
  );
}
