// SPDX-License-Identifier: Apache-2.0
import { Button } from "../Button/Button.tsx";
import styles from "./Shell.module.css";

interface CoverProps {
  readonly text: string;
  readonly help?: string;
  readonly action?: string;
  readonly onAction?: () => void;
  readonly busy?: boolean;
}

/** The whole window says one thing: loading, another tab, a failure. */
export function Cover({ text, help, action, onAction, busy = false }: CoverProps) {
  return (
    <main className={styles.cover}>
      <img src="/icon.svg" alt="" width={64} height={64} />
      <div role="status"><h1 className={styles.coverText}>{text}</h1></div>
      {help ? <p>{help}</p> : null}
      {busy ? <span className={styles.bar} aria-hidden="true" /> : null}
      {action ? <Button look="primary" onClick={onAction}>{action}</Button> : null}
    </main>
  );
}
