// SPDX-License-Identifier: Apache-2.0
import { useState } from "react";
import type { Device } from "../../core/port/encryption.ts";
import { shortWhen } from "../../i18n/format.ts";
import { Button } from "../Button/Button.tsx";
import { Confirm } from "../Dialog/Dialog.tsx";
import { Icon } from "../Icon/Icon.tsx";
import { Editable } from "../RoomPanel/Editable.tsx";
import { useWords } from "../words.ts";
import type { SettingsActions } from "./SettingsView.tsx";
import styles from "./Settings.module.css";

interface Props {
  readonly devices: readonly Device[] | null;
  readonly actions: Pick<SettingsActions, "verifyDevice" | "renameDevice" | "removeDevice">;
}

export function Devices({ devices, actions }: Props) {
  const words = useWords();
  const w = words.settings;
  const [now] = useState(() => Date.now());
  const [removing, setRemoving] = useState<Device | null>(null);
  if (devices === null) return <p role="status">{words.app.loading}</p>;
  return (
    <>
      <ul className={styles.devices}>
        {devices.map((device) => (
          <li key={device.id} className={styles.device}>
            <Icon name="device" size={24} />
            <div className={styles.deviceText}>
              <Editable label={w.deviceName} value={device.name || w.namelessDevice} may onSave={(name) => void actions.renameDevice(device.id, name)} />
              <p className={styles.soft} title={device.id}>
                {device.current ? w.thisDevice : device.lastSeen ? w.lastSeen(shortWhen(device.lastSeen, now)) : ""}
              </p>
            </div>
            <span className={styles.trust} data-ok={device.verified || undefined}>{device.verified ? w.verified : w.unverified}</span>
            <span className={styles.deviceButtons}>
              {!device.verified && !device.current ? <Button onClick={() => void actions.verifyDevice(device.id)}>{w.verifyDevice}</Button> : null}
              {!device.current ? <Button look="danger" onClick={() => setRemoving(device)}>{w.removeDevice}</Button> : null}
            </span>
          </li>
        ))}
      </ul>
      {removing ? (
        <Confirm title={w.removeDevice} text={w.removeDeviceConfirm(removing.name || w.namelessDevice)} action={w.removeDevice} danger onCancel={() => setRemoving(null)}
          onConfirm={() => { setRemoving(null); void actions.removeDevice(removing.id); }} />
      ) : null}
    </>
  );
}
