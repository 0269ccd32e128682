// SPDX-License-Identifier: Apache-2.0
import { type FormEvent, useEffect, useState } from "react";
import { Button, IconButton } from "../Button/Button.tsx";
import { Field } from "../Field/Field.tsx";
import { useWords } from "../words.ts";
import styles from "./RoomPanel.module.css";

interface Props {
  readonly label: string;
  readonly value: string;
  readonly may: boolean;
  readonly strong?: boolean;
  readonly onSave: (value: string) => void;
}

/** A text that becomes a field when one may change it. */
export function Editable({ label, value, may, strong = false, onSave }: Props) {
  const words = useWords();
  const [draft, setDraft] = useState<string | null>(null);
  useEffect(() => setDraft(null), [value]);
  if (draft === null) {
    return (
      <div className={styles.editable}>
        <p className={strong ? styles.name : styles.topic}>{value || <span className={styles.soft}>{label}</span>}</p>
        {may ? <IconButton icon="edit" size={16} label={`${words.timeline.edit} : ${label}`} onClick={() => setDraft(value)} /> : null}
      </div>
    );
  }
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onSave(draft);
    setDraft(null);
  };
  return (
    <form className={styles.editing} onSubmit={submit}>
      <Field label={label} value={draft} onText={setDraft} autoFocus maxLength={1000} />
      <div className={styles.buttons}>
        <Button onClick={() => setDraft(null)}>{words.app.cancel}</Button>
        <Button look="primary" type="submit">{words.app.save}</Button>
      </div>
    </form>
  );
}
