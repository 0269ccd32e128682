// SPDX-License-Identifier: Apache-2.0
import type { SettingsSnapshot } from "../../viewmodels/settings.ts";
import { CAMILLE, idle, nothing } from "../samples.ts";
import { SettingsView } from "./SettingsView.tsx";

const state: SettingsSnapshot = {
  me: CAMILLE, busy: false, notice: null, passwordAsked: false, passwordAgain: false, pageAsked: null, accountPage: null, persisted: false, losses: null, offline: true, mayRename: true,
  devices: [{ id: "A", name: "Firefox", current: true, verified: true, lastSeen: null, lastAddress: null }, { id: "B", name: "Téléphone", current: false, verified: false, lastSeen: 1, lastAddress: null }],
};
const show = (change: Partial<SettingsSnapshot>, hasRecovery = true) => (
  <SettingsView
    state={{ ...state, ...change }} actions={idle()} preferences={{ theme: "system", language: "fr", desktopNotifications: false, sound: true, showText: true }}
    onPreferences={nothing} notificationsBlocked={!hasRecovery} onNotifications={nothing} background={hasRecovery ? "off" : "failed"} onBackground={nothing} hasRecovery={hasRecovery} onRecovery={nothing} onExport={nothing}
    others={[{ account: { key: "b", userId: "@astreinte:gouv.fr", deviceId: "B" }, name: "Astreinte", phase: "watching", unread: 2, mentioned: false }]} onSwitch={nothing} onAddAccount={nothing} onSignOut={nothing} onClose={nothing}
  />
);

export const stories = {
  settings: () => show({}), leavingChecks: () => show({ losses: "checking" }), leavingSafe: () => show({ losses: { unsent: 0, keys: 0, saving: true } }),
  leavingLoses: () => show({ losses: { unsent: 2, keys: 3, saving: true } }), leavingOnlyHere: () => show({ losses: { unsent: null, keys: 3, saving: false } }), leavingUnsafe: () => show({ losses: { unsent: 1, keys: null, saving: false } }, false), notice: () => show({ notice: { kind: "imported", count: 3 } }, false), page: () => show({ pageAsked: "https://compte.example/", accountPage: "https://compte.example/" }), password: () => show({ passwordAsked: true, devices: null }),
};
