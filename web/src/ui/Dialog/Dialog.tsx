// SPDX-License-Identifier: Apache-2.0
import { type ReactNode, useEffect, useId, useRef } from "react";
import { Button, IconButton } from "../Button/Button.tsx";
import { useWords } from "../words.ts";
import styles from "./Dialog.module.css";

interface Props {
  readonly title: string;
  readonly children: ReactNode;
  /** Absent when the dialog must be answered by one of its own buttons. */
  readonly onClose?: () => void;
  readonly size?: "small" | "medium" | "large" | "full";
  readonly footer?: ReactNode;
}

/** A modal window: focus stays inside, Escape closes it, focus goes back where it came from. */
export function Dialog({ title, children, onClose, size = "small", footer }: Props) {
  const words = useWords();
  const id = useId();
  const ref = useRef<HTMLDialogElement>(null);
  // Beside it means pressed and released beside it, and nothing that was typed is thrown away so.
  const pressedBeside = useRef(false);
  const touched = useRef(false);
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    if (dialog && !dialog.open) {
      dialog.showModal();
      // What asked for the focus asked before it could be had: a closed dialog is not displayed.
      dialog.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    }
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref} className={`${styles.dialog} ${styles[size]}`} aria-labelledby={id}
      onCancel={(event) => { event.preventDefault(); onClose?.(); }}
      onPointerDown={(event) => { pressedBeside.current = event.target === ref.current; }}
      onInput={() => { touched.current = true; }}
      onClick={(event) => { if (event.target === ref.current && pressedBeside.current && !touched.current) onClose?.(); }}
    >
      <div className={styles.frame}>
        <div className={styles.head}>
          <h2 id={id} className={styles.title}>{title}</h2>
          {onClose ? <IconButton icon="close" label={words.app.close} onClick={onClose} /> : null}
        </div>
        <div className={styles.body}>{children}</div>
        {footer ? <div className={styles.foot}>{footer}</div> : null}
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly danger?: boolean;
  readonly onConfirm: () => void;
  readonly onCancel: () => void;
  readonly extra?: ReactNode;
}

export function Confirm({ title, text, action, danger = false, onConfirm, onCancel, extra }: ConfirmProps) {
  const words = useWords();
  return (
    <Dialog
      title={title} onClose={onCancel}
      footer={<>
        <Button onClick={onCancel}>{words.app.cancel}</Button>
        {extra}
        <Button look={danger ? "danger" : "primary"} onClick={onConfirm}>{action}</Button>
      </>}
    >
      <p>{text}</p>
    </Dialog>
  );
}
