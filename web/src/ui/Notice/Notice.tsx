// SPDX-License-Identifier: Apache-2.0
import type { ReactNode } from "react";
import { Icon, type IconName } from "../Icon/Icon.tsx";
import styles from "./Notice.module.css";

type Tone = "info" | "warn" | "danger" | "ok";
const ICONS: Readonly<Record<Tone, IconName>> = { info: "info", warn: "warn", danger: "warn", ok: "check" };

/** A sentence that matters; `danger` interrupts a screen reader, the others wait their turn. */
export function Notice({ tone = "info", children, actions }: { readonly tone?: Tone; readonly children: ReactNode; readonly actions?: ReactNode }) {
  return (
    <div className={styles.notice} data-tone={tone} role={tone === "danger" ? "alert" : "status"}>
      <Icon name={ICONS[tone]} />
      <div className={styles.text}>{children}</div>
      {actions ? <div className={styles.actions}>{actions}</div> : null}
    </div>
  );
}
