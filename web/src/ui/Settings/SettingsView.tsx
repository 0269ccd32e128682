// SPDX-License-Identifier: Apache-2.0
import { type ReactNode, useRef } from "react";
import type { Losses } from "../../core/port/core.ts";
import { AUTONYMS } from "../../i18n/index.ts";
import type { BackgroundPhase } from "../../viewmodels/background.ts";
import type { OtherAccount } from "../../viewmodels/other-accounts.ts";
import type { Preferences } from "../../viewmodels/preferences.ts";
import { THEMES } from "../../viewmodels/preferences.ts";
import type { SettingsNotice, SettingsSnapshot, SettingsViewModel } from "../../viewmodels/settings.ts";
import { Avatar } from "../Avatar/Avatar.tsx";
import { Button } from "../Button/Button.tsx";
import { Dialog } from "../Dialog/Dialog.tsx";
import { PageForm } from "../Encryption/PageForm.tsx";
import { PasswordForm } from "../Encryption/PasswordForm.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { Editable } from "../RoomPanel/Editable.tsx";
import { useWords } from "../words.ts";
import { ChangePassword } from "./ChangePassword.tsx";
import { Devices } from "./Devices.tsx";
import { KeyFile } from "./KeyFile.tsx";
import styles from "./Settings.module.css";

export type SettingsActions = Pick<SettingsViewModel,
  "setName" | "setAvatar" | "verifyDevice" | "renameDevice" | "removeDevice" | "answerPassword" | "answerPage" | "changePassword" | "importKeys" | "askPersistence" | "thinkOfLeaving" | "stayHere">;

export interface SettingsProps {
  readonly state: SettingsSnapshot;
  readonly actions: SettingsActions;
  readonly preferences: Preferences;
  readonly onPreferences: (change: Partial<Preferences>) => void;
  readonly notificationsBlocked: boolean;
  readonly onNotifications: (on: boolean) => void;
  readonly background: BackgroundPhase;
  readonly onBackground: (on: boolean) => void;
  readonly hasRecovery: boolean;
  readonly onRecovery: () => void;
  readonly onExport: (passphrase: string) => void;
  readonly others: readonly OtherAccount[];
  readonly onSwitch: (key: string) => void;
  readonly onAddAccount: () => void;
  readonly onSignOut: () => void;
  readonly onClose: () => void;
}

export function SettingsView(props: SettingsProps) {
  const { state, actions, onClose } = props;
  const words = useWords();
  const w = words.settings;
  return (
    <Dialog title={w.title} size="large" onClose={onClose}>
      {state.notice ? <Notice tone={isBad(state.notice) ? "danger" : "ok"}><NoticeText notice={state.notice} /></Notice> : null}
      <Profile {...props} />
      <Part title={w.session}>
        {props.others.map(({ account, name, unread }) => (
          <Button key={account.key} icon="people" onClick={() => props.onSwitch(account.key)}>
            {w.switchAccount(name.includes(account.userId) ? name : `${name} (${account.userId})`)}{unread > 0 ? ` (${words.accounts.news(unread)})` : ""}
          </Button>
        ))}
        <Button icon="plus" onClick={props.onAddAccount}>{w.addAccount}</Button>
        <Button look="danger" icon="leave" onClick={actions.thinkOfLeaving}>{w.signOut}</Button>
      </Part>
      <Appearance {...props} />
      <Notifications {...props} />
      <Part title={w.recovery}>
        <p>{props.hasRecovery ? w.recoveryOn : w.recoveryOff}</p>
        {props.hasRecovery ? <p className={styles.soft}>{w.recoveryNewHelp}</p> : null}
        <Button icon="lock" onClick={props.onRecovery}>{props.hasRecovery ? w.recoveryNew : w.recoveryGet}</Button>
      </Part>
      <Part title={w.devices}><Devices devices={state.devices} actions={actions} /></Part>
      <Part title={w.keys}><p className={styles.soft}>{w.keysHelp}</p><KeyFile busy={state.busy} onExport={props.onExport} onImport={actions.importKeys} /></Part>
      <Part title={w.storage}>
        <p>{state.persisted ? w.storageGranted : w.storageDenied}</p>
        {state.persisted ? null : <Button onClick={() => void actions.askPersistence()}>{w.storageAsk}</Button>}
      </Part>
      {state.accountPage === null ? <Part title={w.password}><ChangePassword busy={state.busy} onChange={actions.changePassword} /></Part> : (
        <Part title={w.account}>
          <p className={styles.soft}>{w.accountHelp}</p>
          <p><a href={state.accountPage} target="_blank" rel="noopener noreferrer">{w.accountOpen}</a></p>
        </Part>
      )}
      {state.losses !== null ? <Leaving {...props} losses={state.losses} /> : null}
      {state.pageAsked !== null ? (
        <Dialog title={words.encryption.page.title} onClose={() => actions.answerPage(false)}>
          <PageForm url={state.pageAsked} onVisited={() => actions.answerPage(true)} onCancel={() => actions.answerPage(false)} />
        </Dialog>
      ) : null}
      {state.passwordAsked ? (
        <Dialog title={words.encryption.password.title} onClose={() => actions.answerPassword(null)}>
          <p>{words.encryption.password.text}</p>
          <PasswordForm wrong={state.passwordAgain} onSubmit={actions.answerPassword} onCancel={() => actions.answerPassword(null)} />
        </Dialog>
      ) : null}
    </Dialog>
  );
}

function Leaving({ state, actions, losses, hasRecovery, onRecovery, onSignOut }: SettingsProps & { readonly losses: Losses | "checking" }) {
  const words = useWords();
  const w = words.settings;
  const checking = losses === "checking";
  return (
    <Dialog title={w.signOutConfirm} onClose={actions.stayHere} footer={<>
      <Button onClick={actions.stayHere}>{words.app.cancel}</Button>
      {hasRecovery ? null : <Button look="primary" onClick={() => { actions.stayHere(); onRecovery(); }}>{w.getCodeFirst}</Button>}
      <Button look="danger" disabled={checking} onClick={onSignOut}>{w.signOut}</Button>
    </>}>
      {checking ? <p role="status">{w.signOutChecking}</p> : <>
        {losses.unsent === null || losses.keys === null ? <Notice tone="warn">{w.signOutUnknown}</Notice> : null}
        {losses.unsent ? <Notice tone="danger">{w.signOutUnsent(losses.unsent)}</Notice> : null}
        {!hasRecovery ? <Notice tone="warn">{w.signOutDanger}</Notice>
          : losses.keys ? <Notice tone="danger">{losses.saving ? w.signOutSaving(losses.keys) : w.signOutOnlyHere}</Notice>
          : losses.keys === 0 ? <Notice>{w.signOutSafe}</Notice> : null}
        {state.offline ? <Notice tone="warn">{w.signOutOffline}</Notice> : null}
      </>}
    </Dialog>
  );
}

const isBad = (notice: SettingsNotice): boolean => notice.kind === "failure" || notice.kind === "wrongPassphrase";

function NoticeText({ notice }: { readonly notice: SettingsNotice }) {
  const words = useWords();
  switch (notice.kind) {
    case "failure": return <>{words.failure[notice.failure]}</>;
    case "imported": return <>{words.settings.imported(notice.count)}</>;
    default: return <>{words.settings[notice.kind]}</>;
  }
}

export function Part({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return <section className={styles.part} aria-label={title}><h3>{title}</h3>{children}</section>;
}

function Profile({ state, actions }: SettingsProps) {
  const words = useWords();
  const picture = useRef<HTMLInputElement>(null);
  return (
    <Part title={words.settings.profile}>
      <div className={styles.profile}>
        <Avatar id={state.me.id} name={state.me.name} mxc={state.me.avatar} size={64} />
        <div className={styles.profileText}>
          <Editable label={words.settings.name} value={state.me.name} may={state.mayRename} strong onSave={(name) => void actions.setName(name)} />
          <p className={styles.soft}>{state.me.id}</p>
          <Button look="quiet" onClick={() => picture.current?.click()}>{words.settings.picture}</Button>
          <input ref={picture} type="file" accept="image/*" className="sr" tabIndex={-1} aria-label={words.settings.picture}
            onChange={(event) => { const file = event.target.files?.[0]; if (file) void actions.setAvatar(file); }} />
        </div>
      </div>
    </Part>
  );
}

function Appearance({ preferences, onPreferences }: SettingsProps) {
  const words = useWords();
  const w = words.settings;
  return (
    <Part title={w.appearance}>
      <label className={styles.select}>{w.theme}
        <select value={preferences.theme} onChange={(event) => onPreferences({ theme: event.target.value as Preferences["theme"] })}>
          {THEMES.map((theme) => <option key={theme} value={theme}>{w.themes[theme]}</option>)}
        </select>
      </label>
      <label className={styles.select}>{w.language}
        <select value={preferences.language} onChange={(event) => onPreferences({ language: event.target.value as Preferences["language"] })}>
          <option value="fr" lang="fr">{AUTONYMS.fr}</option>
          <option value="en" lang="en">{AUTONYMS.en}</option>
        </select>
      </label>
    </Part>
  );
}

function Notifications({ preferences, onPreferences, notificationsBlocked, onNotifications, background, onBackground }: SettingsProps) {
  const w = useWords().settings;
  const on = preferences.desktopNotifications && !notificationsBlocked;
  const closed = on && (background === "on" || background === "waiting" || background === "working");
  return (
    <Part title={w.notifications}>
      <p className={styles.soft}>{notificationsBlocked ? w.desktopDenied : w.desktopHelp}</p>
      <label className={styles.check}><input type="checkbox" checked={on} disabled={notificationsBlocked} onChange={(event) => onNotifications(event.target.checked)} /> {w.desktop}</label>
      {background === "unknown" ? null : <>
        <label className={styles.check}>
          <input type="checkbox" checked={closed} disabled={!on || background === "unsupported" || background === "working"} aria-describedby="background-help"
            onChange={(event) => onBackground(event.target.checked)} /> {w.background}
        </label>
        <p id="background-help" className={styles.soft} role="status">{w.backgroundHelp[background]}</p>
      </>}
      <label className={styles.check}><input type="checkbox" checked={preferences.sound} onChange={(event) => onPreferences({ sound: event.target.checked })} /> {w.sound}</label>
      <label className={styles.check}><input type="checkbox" checked={preferences.showText} onChange={(event) => onPreferences({ showText: event.target.checked })} /> {w.preview}</label>
    </Part>
  );
}
