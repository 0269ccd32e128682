// SPDX-License-Identifier: Apache-2.0
import { type FormEvent, useState } from "react";
import { Button } from "../Button/Button.tsx";
import { Field } from "../Field/Field.tsx";
import { useWords } from "../words.ts";
import styles from "./Settings.module.css";

export function ChangePassword({ busy, onChange }: { readonly busy: boolean; readonly onChange: (current: string, next: string) => Promise<void> }) {
  const w = useWords().settings;
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!current || !next) return;
    void onChange(current, next).then(() => { setCurrent(""); setNext(""); });
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <Field label={w.currentPassword} type="password" value={current} onText={setCurrent} autoComplete="current-password" />
      <Field label={w.newPassword} type="password" value={next} onText={setNext} autoComplete="new-password" />
      <div className={styles.buttons}><Button type="submit" disabled={busy || !current || !next}>{w.changePassword}</Button></div>
    </form>
  );
}
