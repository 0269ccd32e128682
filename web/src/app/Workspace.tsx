// SPDX-License-Identifier: Apache-2.0
/** The signed-in application: list, conversation, and what opens over them. */
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import type { Core } from "../core/port/core.ts";
import type { RoomSummary } from "../core/port/rooms.ts";
import { watchAccount } from "../core/index.ts";
import type { AuthPort, FailureKind } from "../core/port/session.ts";
import { BackgroundViewModel } from "../viewmodels/background.ts";
import { EncryptionViewModel } from "../viewmodels/encryption.ts";
import type { ComposerServices } from "../viewmodels/composer.ts";
import { kindOf } from "../viewmodels/failure.ts";
import { accountLabel, OtherAccountsViewModel } from "../viewmodels/other-accounts.ts";
import { RoomListViewModel } from "../viewmodels/room-list.ts";
import { AccountMenu } from "../ui/Accounts/AccountMenu.tsx";
import { IconButton } from "../ui/Button/Button.tsx";
import { Confirm } from "../ui/Dialog/Dialog.tsx";
import { EncryptionBanner } from "../ui/Encryption/EncryptionBanner.tsx";
import { EncryptionView } from "../ui/Encryption/EncryptionView.tsx";
import { MediaContext } from "../ui/media.ts";
import { Lapsed } from "../ui/Notice/Lapsed.tsx";
import { Notice } from "../ui/Notice/Notice.tsx";
import { RoomListView } from "../ui/RoomList/RoomListView.tsx";
import { NothingOpen, Shell } from "../ui/Shell/Shell.tsx";
import { SwitcherView } from "../ui/Switcher/SwitcherView.tsx";
import { VerificationView } from "../ui/Verification/VerificationView.tsx";
import { useWords } from "../ui/words.ts";
import type { AppServicesView } from "./App.tsx";
import { copyText, looking, notify, notifying, notifyOther, saveFile, showTitle } from "./browser.ts";
import { longDate } from "../i18n/format.ts";
import { RoomScreen } from "./RoomScreen.tsx";
import { askBeforeLeaving, loses } from "./leaving.ts";
import { go, route } from "./routes.ts";
import { browserStorage, localMemory } from "./storage.ts";
import { browserPush, closeOne, closeRead, hearWorker, keepNames } from "./web-push.ts";
import { StrangeRoom } from "./StrangeRoom.tsx";
import { isOpen } from "./tab-lock.ts";
import { useNow, useSnapshot } from "./use-snapshot.ts";
import { useShortcuts } from "./use-shortcuts.ts";
import { UpdatePrompt } from "./UpdatePrompt.tsx";

/** Delay that gathers changes of the list before the worker's names are written, in milliseconds. */
const NAMES_DELAY_MS = 1_000;

/** Fetched when first opened: most starts need neither. */
const CreateScreen = lazy(() => import("./CreateScreen.tsx").then((module) => ({ default: module.CreateScreen })));
const SettingsScreen = lazy(() => import("./SettingsScreen.tsx").then((module) => ({ default: module.SettingsScreen })));

type Over = "create" | "switcher" | "settings" | null;

export function Workspace({ app, auth, preferences, core }: AppServicesView & { readonly core: Core }) {
  const words = useWords();
  const now = useNow();
  const memory = useMemo(() => localMemory(core.account.key), [core]);
  const files = useMemo((): ComposerServices["files"] => new Map(), [core]);
  useEffect(() => askBeforeLeaving(() => files.size > 0 || core.unkept.get()), [files, core]);
  /** Leaves this account open for another, once the person agrees to what that loses. */
  const [leave, setLeave] = useState<(() => void) | null>(null);
  const leaveFor = useCallback((then: () => void): void => { if (loses()) setLeave(() => then); else then(); }, []);
  const switchTo = useCallback((key: string, roomId: string | null = null): void => leaveFor(() => {
    void app.switchTo(key);
    go(roomId === null ? { page: "home" } : { page: "room", roomId, eventId: null });
  }), [app, leaveFor]);
  const addAccount = useCallback((): void => leaveFor(() => {
    app.addAccount();
    go({ page: "home" });
  }), [app, leaveFor]);
  const others = useOthers(core, auth, preferences, switchTo);
  const othersState = useSnapshot(others);
  const me = useSnapshot(core.profile.me);
  const list = useMemo(() => new RoomListViewModel(core, memory), [core, memory]);
  const encryption = useMemo(() => new EncryptionViewModel(core, memory), [core, memory]);
  const background = useMemo(() => new BackgroundViewModel(core.push, browserPush, memory, () => preferences.get().language), [core, memory, preferences]);
  const listState = useSnapshot(list);
  const encryptionState = useSnapshot(encryption);
  const connection = useSnapshot(core.connection);
  const renewalPage = useSnapshot(core.renewalPage);
  const current = useSnapshot(route);
  const [over, setOver] = useState<Over>(null);
  const roomId = current.page === "room" ? current.roomId : null;
  const summaries = useSnapshot(core.rooms.summaries);
  // A conversation one is taken out of while reading stays readable, and says who did it.
  const [read, setRead] = useState<string | null>(null);
  const known = summaries.some((room) => room.id === roomId);
  useEffect(() => { if (known || roomId === null) setRead(roomId); }, [known, roomId]);

  useEffect(() => () => { list.dispose(); encryption.dispose(); }, [list, encryption]);
  useEffect(() => { if (listState.sections.length > 0) performance.mark("estafette:list"); }, [listState.sections.length]);
  useEffect(() => list.select(roomId), [list, roomId]);
  useEffect(() => core.onAlert((alert) => void notify(alert, core.account, preferences.get())), [core, preferences]);
  const safe = encryptionState.status.phase === "ready" || encryptionState.status.phase === "noRecovery";
  // Asked once there is something to keep, when the answer is worth something; the settings show it.
  useEffect(() => { if (safe) void browserStorage.persisted().then((kept) => (kept ? true : browserStorage.persist())).catch(() => undefined); }, [safe]);
  useBackground(core, auth, background, preferences, summaries, others, switchTo);
  const unread = listState.unreadRooms + othersState.unread;
  useEffect(() => showTitle(unread), [unread]);
  // What is said of the account before its profile is known is a part of the identifier alone.
  useEffect(() => { if (connection === "online") auth.name(core.account.key, me.name); }, [auth, core, me.name, connection]);

  const openRoom = useCallback((id: string): void => {
    setOver(null);
    go({ page: "room", roomId: id, eventId: null });
  }, []);
  const [asking, setAsking] = useState<{ readonly userId: string; readonly name: string } | null>(null);
  const [failure, setFailure] = useState<FailureKind | null>(null);
  const write = useCallback((userId: string): void => {
    setAsking(null);
    setFailure(null);
    void core.rooms.createDirect({ userId }).then(openRoom, (error: unknown) => setFailure(kindOf(error)));
  }, [core, openRoom]);
  // A conversation that exists is opened; a new one invites somebody, which a click on a name must not do unasked.
  const askToWrite = useCallback((userId: string, name: string): void => {
    const known = core.rooms.summaries.get().find((room) => room.direct && room.otherUserId === userId);
    if (known) openRoom(known.id);
    else if (userId !== core.account.userId) setAsking({ userId, name });
  }, [core, openRoom]);
  useShortcuts({
    switcher: () => setOver((now) => (now === "switcher" ? null : "switcher")),
    next: (step, unread) => { const id = list.neighbour(step, unread); if (id) openRoom(id); },
  });

  const savePdf = (code: string): void => {
    const w = words.encryption.code;
    void import("./recovery-pdf.ts").then(({ recoveryPdf }) => {
      const pdf = recoveryPdf({ title: w.pdfTitle, account: w.pdfAccount(core.account.userId), date: w.pdfDate(longDate(Date.now())), help: w.pdfHelp }, code);
      saveFile(pdf, "estafette-code-de-recuperation.pdf");
    });
  };

  return (
    <MediaContext value={core.media}>
      <Shell
        inRoom={roomId !== null}
        banners={<>
          {connection === "locked" ? <Notice tone="danger">{words.app.locked}</Notice> : null}
          {connection === "lapsed" ? <Lapsed page={renewalPage} /> : null}
          {connection === "busy" ? <Notice>{words.app.busy}</Notice> : null}
          {connection === "offline" ? <Notice>{words.app.offline}</Notice> : null}
          <EncryptionBanner state={encryptionState} onAttend={encryption.attend} onHide={encryption.hideBanner} />
          {failure ? <Notice tone="danger" actions={<IconButton icon="close" label={words.app.close} onClick={() => setFailure(null)} />}>{words.failure[failure]}</Notice> : null}
          <UpdatePrompt />
        </>}
        list={<RoomListView state={listState} actions={list} now={now}
          accounts={<AccountMenu me={me} others={othersState} onSwitch={switchTo} onAdd={addAccount} />} onOpen={openRoom} onCreate={() => setOver("create")} onSettings={() => setOver("settings")} />}
        main={roomId && (known || read === roomId) ? (
          <RoomScreen
            key={roomId} core={core} roomId={roomId} eventId={current.page === "room" ? current.eventId : null} memory={memory} files={files} now={now}
            onPerson={askToWrite} onWrite={write} onAttendEncryption={encryption.attend} onImportKeys={() => setOver("settings")}
          />
        ) : roomId && connection === "online" ? <StrangeRoom key={roomId} core={core} roomId={roomId} /> : <NothingOpen onBack={() => go({ page: "home" })} />}
      />
      {asking ? (
        <Confirm title={words.rooms.askWrite(asking.name)} text={words.rooms.askWriteText(asking.name)} action={words.rooms.write}
          onCancel={() => setAsking(null)} onConfirm={() => write(asking.userId)} />
      ) : null}
      {leave ? (
        <Confirm title={words.accounts.change} text={words.accounts.changeLoses} action={words.accounts.change} danger onCancel={() => setLeave(null)} onConfirm={() => { setLeave(null); leave(); }} />
      ) : null}
      {over === "create" ? <Suspense fallback={null}><CreateScreen core={core} onOpen={openRoom} onClose={() => setOver(null)} /></Suspense> : null}
      {over === "switcher" ? <SwitcherView rooms={core.rooms.summaries.get()} onOpen={openRoom} onClose={() => setOver(null)} /> : null}
      {over === "settings" ? (
        <Suspense fallback={null}>
          <SettingsScreen
            app={app} auth={auth} preferences={preferences} core={core} background={background} others={othersState.accounts} onSwitch={switchTo} onAddAccount={addAccount} hasRecovery={encryptionState.status.hasRecovery}
            onRecovery={() => { setOver(null); if (encryptionState.status.phase === "ready") encryption.send({ type: "renew" }); else encryption.attend(); }}
            onClose={() => setOver(null)}
          />
        </Suspense>
      ) : null}
      {encryptionState.verification ? null : <EncryptionView key={encryptionState.state.name} state={encryptionState} actions={encryption} onCopy={copyText} onPrint={() => window.print()} onPdf={savePdf} />}
      {encryptionState.verification ? (
        <VerificationView
          state={encryptionState.verification} onAccept={encryption.acceptVerification} onConfirm={encryption.confirmEmoji}
          onReject={encryption.rejectEmoji} onClose={encryption.closeVerification}
        />
      ) : null}
    </MediaContext>
  );
}

let telling: Promise<unknown> = Promise.resolve();

/** One after the other: what tells of a message that was read meanwhile would otherwise appear after it was taken away. */
function inTurn(work: () => Promise<void>): void {
  telling = telling.then(work).catch(() => undefined);
}

/** The other accounts of this browser, counted and told of while this page is open. */
function useOthers(core: Core, auth: AuthPort, preferences: AppServicesView["preferences"], open: (key: string, roomId: string) => void): OtherAccountsViewModel {
  const others = useMemo(() => new OtherAccountsViewModel(core.account.key, {
    auth,
    watch: (account, listener) => watchAccount(account, listener, () => isOpen(account)),
    listener: {
      // A page that has the account open tells of everything itself.
      alert: (alert) => inTurn(async () => {
        const all = auth.accounts();
        const account = all.find((one) => one.key === alert.account.key) ?? alert.account;
        if (await isOpen(alert.account)) return;
        await notifyOther(alert, accountLabel(account, all), preferences.get(), () => open(alert.account.key, alert.roomId));
      }),
      read: (account, roomId) => inTurn(() => closeOne(account, roomId)),
    },
  }), [core, auth, preferences, open]);
  useEffect(() => {
    window.addEventListener("storage", others.refresh);
    return () => { window.removeEventListener("storage", others.refresh); others.dispose(); };
  }, [others]);
  return others;
}

/** Web Push for the life of the session: subscription, names for the worker, its questions. */
function useBackground(
  core: Core, auth: AuthPort, background: BackgroundViewModel, preferences: AppServicesView["preferences"], rooms: readonly RoomSummary[],
  others: OtherAccountsViewModel, switchTo: (key: string, roomId: string) => void,
): void {
  const online = useSnapshot(core.connection) === "online";
  useEffect(() => { if (online) void background.start(); }, [online, background]);
  useEffect(() => hearWorker({
    token: (token) => void background.confirm(token),
    // This page syncs and notifies by itself: the push adds nothing.
    telling: () => core.connection.get() === "online" && others.watching() && (looking() || notifying(preferences.get())),
    holds: (account) => account === core.account.key,
    open: (roomId, account) => {
      if (account === null || account === core.account.key) go({ page: "room", roomId, eventId: null });
      else if (others.get().accounts.some((one) => one.account.key === account)) switchTo(account, roomId);
    },
  }), [background, core, preferences, others, switchTo]);
  const { name } = useSnapshot(core.profile.me);
  useEffect(() => {
    if (rooms.length === 0) return undefined;
    const label = accountLabel({ ...core.account, name }, auth.accounts());
    const timer = setTimeout(() => void Promise.all([keepNames(core.account, label, rooms), closeRead(core.account, rooms)]).catch(() => undefined), NAMES_DELAY_MS);
    return () => clearTimeout(timer);
  }, [core, auth, name, rooms]);
}
