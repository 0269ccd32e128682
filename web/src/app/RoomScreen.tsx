// SPDX-License-Identifier: Apache-2.0
/** One open conversation: its head, its messages, its composer, its panel. */
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import type { UnreadableReason } from "../core/port/content.ts";
import type { Core } from "../core/port/core.ts";
import type { TimelineItem } from "../core/port/timeline.ts";
import type { KeyValue } from "../viewmodels/base.ts";
import { type ComposerServices, ComposerViewModel } from "../viewmodels/composer.ts";
import { RoomViewModel } from "../viewmodels/room.ts";
import { TimelineViewModel } from "../viewmodels/timeline.ts";
import { type ComposerActions, ComposerView } from "../ui/Composer/ComposerView.tsx";
import { Confirm } from "../ui/Dialog/Dialog.tsx";
import { EmojiPicker } from "../ui/EmojiPicker/EmojiPicker.tsx";
import type { MessageActions } from "../ui/Message/MessageRow.tsx";
import { Notice } from "../ui/Notice/Notice.tsx";
import { IconButton } from "../ui/Button/Button.tsx";
import { RichContext } from "../ui/Rich/Rich.tsx";
import { RoomHeadView } from "../ui/RoomHead/RoomHeadView.tsx";
import { DropZone, InvitePrompt, RoomLayout } from "../ui/Shell/Shell.tsx";
import { TimelineView } from "../ui/Timeline/TimelineView.tsx";
import { useWords } from "../ui/words.ts";
import { copyText } from "./browser.ts";
import { loadEmoji } from "./emoji.ts";
import { LiveAnnouncer } from "./LiveAnnouncer.tsx";
import { go } from "./routes.ts";
import { PublicNotice } from "./WritingNotice.tsx";
import { useAttention, useOwned, useSnapshot } from "./use-snapshot.ts";

/** Fetched when first opened. */
const RoomPanelView = lazy(() => import("../ui/RoomPanel/RoomPanelView.tsx").then((module) => ({ default: module.RoomPanelView })));

interface Props {
  readonly core: Core;
  readonly roomId: string;
  readonly eventId: string | null;
  readonly memory: KeyValue;
  readonly files: ComposerServices["files"];
  readonly now: number;
  readonly onPerson: (userId: string, name: string) => void;
  readonly onWrite: (userId: string) => void;
  readonly onAttendEncryption: () => void;
  readonly onImportKeys: () => void;
}

export function RoomScreen(props: Props) {
  const { core, roomId } = props;
  const room = useOwned(() => new RoomViewModel(core, core.room(roomId)), [core, roomId]);
  return room ? <OpenRoom {...props} room={room} /> : null;
}

function OpenRoom(props: Props & { readonly room: RoomViewModel }) {
  const { core, room, onPerson, roomId } = props;
  const words = useWords();
  const state = useSnapshot(room);
  const { details } = state;
  const joinLink = useCallback((target: string, eventId: string | null): void => {
    // A conversation one is not in is entered on its own page, when one says so.
    const known = core.rooms.summaries.get().find((one) => one.id === target || one.alias === target);
    go({ page: "room", roomId: known?.id ?? target, eventId });
  }, [core]);
  const openPerson = useCallback((userId: string): void => {
    const member = room.get().details.members.find((one) => one.id === userId);
    onPerson(userId, member?.name ?? userId);
  }, [room, onPerson]);
  const links = useMemo(() => ({ onRoom: joinLink, onPerson: openPerson, me: core.account.userId }), [joinLink, openPerson, core]);
  const leave = async (): Promise<void> => {
    await room.leave();
    if (room.get().failure === null) go({ page: "home" });
  };
  return (
    <RichContext value={links}>
      <RoomLayout
        head={<RoomHeadView details={details} panelOpen={state.panelOpen} verified={state.otherVerified} onBack={() => go({ page: "home" })} onPanel={room.togglePanel} />}
        panel={state.panelOpen ? (
          <Suspense fallback={null}>
            <RoomPanelView
              state={state} actions={{ ...bind(room), leave }} invitees={room.invitees} me={core.account.userId} onWrite={props.onWrite}
            />
          </Suspense>
        ) : null}
      >
        {details.membership === "invite" ? (
          <InvitePrompt
            details={details} busy={state.busy} problem={state.failure ? words.failure[state.failure] : null}
            onAccept={() => void room.join()} onDecline={() => void leave()}
          />
        ) : <Conversation key={roomId} {...props} />}
      </RoomLayout>
    </RichContext>
  );
}

/** The actions of a view model as a plain object, so that one of them can be replaced. */
function bind(room: RoomViewModel) {
  const { closePanel, searchMembers, invite, inviteAgain, withdraw, setOpening, verify, kick, ban, unban, setRole, rename, setTopic, setAvatar, setFavourite, setNotifications } = room;
  return { closePanel, searchMembers, invite, inviteAgain, withdraw, setOpening, verify, kick, ban, unban, setRole, rename, setTopic, setAvatar, setFavourite, setNotifications };
}

function Conversation({ core, room, roomId, eventId, memory, files, now, onAttendEncryption, onImportKeys }: Props & { readonly room: RoomViewModel }) {
  const words = useWords();
  const { details } = useSnapshot(room);
  const timeline = useOwned(() => new TimelineViewModel(core.timeline(roomId), null), [core, roomId]);
  const composer = useOwned(() => new ComposerViewModel({
    room: room.port, timeline: core.timeline(roomId), memory, emoji: loadEmoji, uploadLimit: () => core.media.uploadLimit(), files,
  }), [core, room, roomId, memory, files]);
  useEffect(() => { if (eventId) void timeline?.focus(eventId); }, [timeline, eventId]);
  // Keys are given to those who are there: what is written now, nobody who comes later could read.
  const alone = details.direct && details.otherUserId === null;
  const writes = !details.removedBy && details.membership === "join" && !alone && details.rights.send;
  if (!timeline || !composer) return null;
  return (
    <DropZone onFiles={writes ? (files) => void composer.addFiles(files) : null}>
      <Messages timeline={timeline} composer={composer} name={details.name} direct={details.direct} now={now}
        onAttend={(reason) => (reason === "backupMissing" ? onImportKeys() : onAttendEncryption())} />
      {details.removedBy ? <Notice tone="warn">{words.room.removedBy[details.membership === "ban" ? "ban" : "leave"](details.removedBy.name, details.removedBy.reason)}</Notice>
        : details.membership !== "join" ? <Notice>{words.room.left}</Notice>
        : alone ? <Notice>{words.people.notYet(details.name)}</Notice>
        : writes ? <><PublicNotice details={details} memory={memory} /><Writing composer={composer} timeline={timeline} name={details.name} encrypted={details.encrypted} /></>
        : <Notice>{words.room.readOnly}</Notice>}
    </DropZone>
  );
}

function bindComposer(composer: ComposerViewModel): ComposerActions {
  const { setText, send, accept, moveSelection, closeSuggestions, cancelMode, addFiles, removeFile, dismissTooLarge, insert } = composer;
  return { setText, send, accept, moveSelection, closeSuggestions, cancelMode, addFiles, removeFile, dismissTooLarge, insert };
}

interface MessagesProps {
  readonly timeline: TimelineViewModel;
  readonly composer: ComposerViewModel;
  readonly name: string;
  readonly direct: boolean;
  readonly now: number;
  readonly onAttend: (reason: UnreadableReason) => void;
}

function Messages({ timeline, composer, name, direct, now, onAttend }: MessagesProps) {
  const words = useWords();
  const state = useSnapshot(timeline);
  const [removing, setRemoving] = useState<TimelineItem | null>(null);
  const [picking, setPicking] = useState<TimelineItem | null>(null);
  useAttention(timeline.setAttentive);
  const actions = useMemo((): MessageActions => ({
    reply: (item) => composer.reply(item),
    edit: composer.edit,
    remove: setRemoving,
    react: (item, key) => void timeline.react(item, key),
    pickReaction: setPicking,
    retry: (item) => void timeline.retry(item),
    cancel: (item) => void timeline.cancel(item),
    copyText: (item) => { if (item.content.kind === "text") void copyText(item.content.body); },
    copyLink: (item) => void copyText(timeline.permalink(item)),
    openEvent: (eventId) => void timeline.focus(eventId),
    attend: onAttend,
    // `onAttend` is made anew by the parent; what it does never changes.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }), [composer, timeline]);
  return (
    <>
      <TimelineView state={state} actions={timeline} messageActions={actions} name={name} direct={direct} now={now} />
      <LiveAnnouncer rows={state.rows} loading={state.loading} />
      {state.failure ? <Notice tone="danger" actions={<IconButton icon="close" label={words.app.close} onClick={timeline.clearFailure} />}>{words.failure[state.failure]}</Notice> : null}
      {removing ? (
        <Confirm title={words.timeline.remove} text={words.timeline.removeConfirm} action={words.timeline.remove} danger
          onCancel={() => setRemoving(null)} onConfirm={() => { void timeline.remove(removing); setRemoving(null); }} />
      ) : null}
      {picking ? <EmojiPicker source={loadEmoji} onClose={() => setPicking(null)} onPick={(key) => { void timeline.react(picking, key); setPicking(null); }} /> : null}
    </>
  );
}

function Writing({ composer, timeline, name, encrypted }: Pick<MessagesProps, "composer" | "timeline" | "name"> & { readonly encrypted: boolean }) {
  const state = useSnapshot(composer);
  const editLast = useCallback(() => {
    const item = timeline.lastEditable();
    if (item) composer.edit(item);
  }, [composer, timeline]);
  // What was written is shown, wherever one was reading; an edit stays where it is.
  const actions = useMemo((): ComposerActions => ({
    ...bindComposer(composer),
    send: async () => {
      if (composer.get().mode.kind !== "edit" && composer.get().canSend) void timeline.jumpToLatest();
      await composer.send();
    },
  }), [composer, timeline]);
  return <ComposerView state={state} actions={actions} name={name} encrypted={encrypted} emoji={loadEmoji} onEditLast={editLast} />;
}
