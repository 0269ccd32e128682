// SPDX-License-Identifier: Apache-2.0
import { type FormEvent, useRef, useState } from "react";
import { Button } from "../Button/Button.tsx";
import { Field } from "../Field/Field.tsx";
import { useWords } from "../words.ts";
import styles from "./Settings.module.css";

interface Props {
  readonly busy: boolean;
  readonly onExport: (passphrase: string) => void;
  readonly onImport: (file: File, passphrase: string) => Promise<void>;
}

/** Shortest passphrase that protects an exported file. */
const MIN_PASSPHRASE = 8;

export function KeyFile({ busy, onExport, onImport }: Props) {
  const words = useWords();
  const w = words.settings;
  const [passphrase, setPassphrase] = useState("");
  const [short, setShort] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  const check = (go: () => void): void => {
    const tooShort = passphrase.length < MIN_PASSPHRASE;
    setShort(tooShort);
    if (!tooShort) go();
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    check(() => onExport(passphrase));
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <Field label={w.passphrase} type="password" value={passphrase} autoComplete="off" problem={short ? w.passphraseShort : null}
        onText={(value) => { setPassphrase(value); setShort(false); }} />
      <div className={styles.buttons}>
        <Button type="submit" icon="download" disabled={busy}>{w.exportKeys}</Button>
        <Button icon="up" disabled={busy} onClick={() => check(() => file.current?.click())}>{w.importKeys}</Button>
        <input ref={file} type="file" accept=".txt,text/plain" className="sr" tabIndex={-1} aria-label={w.importKeys}
          onChange={(event) => { const chosen = event.target.files?.[0]; if (chosen) void onImport(chosen, passphrase); event.target.value = ""; }} />
      </div>
    </form>
  );
}
