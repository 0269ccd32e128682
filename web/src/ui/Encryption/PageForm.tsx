// SPDX-License-Identifier: Apache-2.0
import { useState } from "react";
import { Button } from "../Button/Button.tsx";
import { useWords } from "../words.ts";
import styles from "./Encryption.module.css";

interface Props {
  readonly url: string;
  readonly onVisited: () => void;
  readonly onCancel: () => void;
}

/** Sends the person to the server's page in another tab and waits for their word that it is done. */
export function PageForm({ url, onVisited, onCancel }: Props) {
  const words = useWords();
  const w = words.encryption.page;
  const [opened, setOpened] = useState(false);
  return (
    <div className={styles.form}>
      <p>{w.text}</p>
      <p><a href={url} target="_blank" rel="noopener noreferrer" onClick={() => setOpened(true)}>{w.open}</a></p>
      <div className={styles.buttons}>
        <Button onClick={onCancel}>{words.app.cancel}</Button>
        <Button look="primary" disabled={!opened} onClick={onVisited}>{w.done}</Button>
      </div>
    </div>
  );
}
