// SPDX-License-Identifier: Apache-2.0
import { useState } from "react";
import { Button } from "../Button/Button.tsx";
import { Confirm } from "../Dialog/Dialog.tsx";
import styles from "./Shell.module.css";

interface CoverProps {
  readonly text: string;
  readonly help?: string;
  readonly action?: string;
  readonly onAction?: () => void;
  readonly busy?: boolean;
  /** What remains when the action does not help; it is asked once more before. */
  readonly last?: { readonly action: string; readonly text: string; readonly run: () => void };
}

/** The whole window says one thing: loading, another tab, a failure. */
export function Cover({ text, help, action, onAction, busy = false, last }: CoverProps) {
  const [asking, setAsking] = useState(false);
  return (
    <main className={styles.cover}>
      <img src="/icon.svg" alt="" width={64} height={64} />
      <div role="status"><h1 className={styles.coverText}>{text}</h1></div>
      {help ? <p>{help}</p> : null}
      {busy ? <span className={styles.bar} aria-hidden="true" /> : null}
      {action ? <Button look="primary" onClick={onAction}>{action}</Button> : null}
      {last ? <Button look="quiet" onClick={() => setAsking(true)}>{last.action}</Button> : null}
      {last && asking ? (
        <Confirm title={last.action} text={last.text} action={last.action} danger onCancel={() => setAsking(false)} onConfirm={() => { setAsking(false); last.run(); }} />
      ) : null}
    </main>
  );
}
