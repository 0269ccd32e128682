// SPDX-License-Identifier: Apache-2.0
import { useEffect, useMemo, useState } from "react";
import type { Core } from "../core/port/core.ts";
import type { BackgroundViewModel } from "../viewmodels/background.ts";
import type { OtherAccount } from "../viewmodels/other-accounts.ts";
import { SettingsViewModel } from "../viewmodels/settings.ts";
import { SettingsView } from "../ui/Settings/SettingsView.tsx";
import type { AppServicesView } from "./App.tsx";
import { allowNotifications, notificationsBlocked, saveFile } from "./browser.ts";
import { browserStorage } from "./storage.ts";
import { useSnapshot } from "./use-snapshot.ts";

interface Props extends AppServicesView {
  readonly core: Core;
  readonly background: BackgroundViewModel;
  readonly others: readonly OtherAccount[];
  readonly onSwitch: (key: string) => void;
  readonly onAddAccount: () => void;
  readonly hasRecovery: boolean;
  readonly onRecovery: () => void;
  readonly onClose: () => void;
}

export function SettingsScreen({ app, preferences, core, background, others, onSwitch, onAddAccount, hasRecovery, onRecovery, onClose }: Props) {
  const vm = useMemo(() => new SettingsViewModel(core, browserStorage), [core]);
  const state = useSnapshot(vm);
  const settings = useSnapshot(preferences);
  const { phase } = useSnapshot(background);
  const [blocked, setBlocked] = useState(notificationsBlocked);
  useEffect(() => () => vm.dispose(), [vm]);
  const setNotifications = async (on: boolean): Promise<void> => {
    const allowed = on && (await allowNotifications());
    setBlocked(notificationsBlocked());
    preferences.set({ desktopNotifications: allowed });
    if (!allowed) await background.disable();
  };
  const exportKeys = async (passphrase: string): Promise<void> => {
    const file = await vm.exportKeys(passphrase);
    if (file) saveFile(file, "estafette-cles.txt");
  };
  return (
    <SettingsView
      state={state} actions={vm} preferences={settings} onPreferences={preferences.set} notificationsBlocked={blocked}
      onNotifications={(on) => void setNotifications(on)} background={phase}
      onBackground={(on) => void (on ? background.enable() : background.disable())} hasRecovery={hasRecovery} onRecovery={onRecovery}
      onExport={(passphrase) => void exportKeys(passphrase)} others={others} onSwitch={onSwitch}
      onAddAccount={onAddAccount} onSignOut={() => void app.signOut()} onClose={onClose}
    />
  );
}
