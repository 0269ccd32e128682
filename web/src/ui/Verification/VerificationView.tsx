// SPDX-License-Identifier: Apache-2.0
import type { VerificationState } from "../../core/port/encryption.ts";
import { Button } from "../Button/Button.tsx";
import { Dialog } from "../Dialog/Dialog.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";
import { emojiName } from "./names.ts";
import styles from "./Verification.module.css";

interface Props {
  readonly state: VerificationState;
  readonly onAccept: () => void;
  readonly onConfirm: () => void;
  readonly onReject: () => void;
  readonly onClose: () => void;
}

export function VerificationView({ state, onAccept, onConfirm, onReject, onClose }: Props) {
  const words = useWords();
  const w = words.encryption.sas;
  const ended = state.phase === "done" || state.phase === "cancelled" || state.phase === "mismatch";
  const footer = state.phase === "incoming" ? <><Button onClick={onClose}>{w.decline}</Button><Button look="primary" onClick={onAccept}>{w.accept}</Button></>
    : state.phase === "comparing" ? <><Button look="danger" onClick={onReject}>{w.differ}</Button><Button look="primary" onClick={onConfirm}>{w.match}</Button></>
    : <Button look={ended ? "primary" : "plain"} onClick={onClose}>{ended ? words.app.close : words.app.cancel}</Button>;
  return (
    <Dialog title={w.title} size="medium" onClose={onClose} footer={footer}>
      <div aria-live="polite" className={styles.body}>
        {state.phase === "incoming" ? <p>{state.self ? w.incomingSelf : w.incoming(state.otherName)}</p> : null}
        {state.phase === "waiting" ? <><p>{w.waiting}</p><p className={styles.soft}>{w.waitingHelp}</p></> : null}
        {state.phase === "comparing" ? <><p>{w.compare}</p><Emoji state={state} /></> : null}
        {state.phase === "confirming" ? <><Emoji state={state} /><p>{w.confirming}</p></> : null}
        {state.phase === "done" ? <Notice tone="ok"><strong>{w.done}</strong> {w.doneHelp}</Notice> : null}
        {state.phase === "cancelled" ? <Notice tone="warn">{w.cancelled}</Notice> : null}
        {state.phase === "mismatch" ? <Notice tone="danger">{w.mismatch}</Notice> : null}
      </div>
    </Dialog>
  );
}

function Emoji({ state }: { readonly state: VerificationState }) {
  return (
    <ol className={styles.emoji} data-sas>
      {state.emoji.map((one, index) => (
        <li key={index}><span className={styles.symbol} aria-hidden="true">{one.symbol}</span><span>{emojiName(one.name)}</span></li>
      ))}
    </ol>
  );
}
