// SPDX-License-Identifier: Apache-2.0
import { type FormEvent, useState } from "react";
import { Button } from "../Button/Button.tsx";
import { Field } from "../Field/Field.tsx";
import { useWords } from "../words.ts";
import styles from "./Encryption.module.css";

interface Props {
  readonly wrong: boolean;
  readonly onSubmit: (password: string) => void;
  readonly onCancel: () => void;
}

export function PasswordForm({ wrong, onSubmit, onCancel }: Props) {
  const words = useWords();
  const [password, setPassword] = useState("");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (password) onSubmit(password);
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <Field label={words.encryption.password.label} type="password" value={password} onText={setPassword} autoFocus autoComplete="current-password"
        problem={wrong ? words.encryption.password.wrong : null} />
      <div className={styles.buttons}>
        <Button onClick={onCancel}>{words.app.cancel}</Button>
        <Button look="primary" type="submit" disabled={password === ""}>{words.app.confirm}</Button>
      </div>
    </form>
  );
}
