// SPDX-License-Identifier: Apache-2.0
import { type InputHTMLAttributes, type ReactNode, useId } from "react";
import styles from "./Field.module.css";

interface Props extends Omit<InputHTMLAttributes<HTMLInputElement>, "onChange"> {
  readonly label: string;
  readonly help?: string;
  readonly problem?: string | null;
  readonly onText: (value: string) => void;
  readonly aside?: ReactNode;
  readonly labelHidden?: boolean;
  /** Lines of a text too long for one; Enter still sends the form. */
  readonly rows?: number;
}

/** A labelled text field; its help and its problem are read with it. */
export function Field({ label, help, problem, onText, aside, labelHidden = false, rows, ...rest }: Props) {
  const id = useId();
  const described = [help ? `${id}-help` : "", problem ? `${id}-problem` : ""].filter(Boolean).join(" ");
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={labelHidden ? "sr" : styles.label}>{label}</label>
      <div className={styles.box} data-problem={problem ? "" : undefined}>
        {rows ? (
          <textarea
            id={id} className={`${styles.input} ${rest.className ?? ""}`} rows={rows} value={rest.value} data-autofocus={rest.autoFocus || undefined}
            aria-invalid={problem ? true : undefined} aria-describedby={described || undefined} autoComplete="off" autoCapitalize="none" spellCheck={false}
            onChange={(event) => onText(event.target.value)}
            onKeyDown={(event) => { if (event.key === "Enter") { event.preventDefault(); event.currentTarget.form?.requestSubmit(); } }}
          />
        ) : (
          <input
            id={id} className={styles.input} data-autofocus={rest.autoFocus || undefined} aria-invalid={problem ? true : undefined}
            aria-describedby={described || undefined} onChange={(event) => onText(event.target.value)} {...rest}
          />
        )}
        {aside}
      </div>
      {help ? <p id={`${id}-help`} className={styles.help}>{help}</p> : null}
      {problem ? <p id={`${id}-problem`} className={styles.problem}>{problem}</p> : null}
    </div>
  );
}
