// SPDX-License-Identifier: Apache-2.0
import { type FormEvent, useState } from "react";
import type { EncryptionSnapshot, EncryptionViewModel } from "../../viewmodels/encryption.ts";
import type { EncryptionState } from "../../viewmodels/encryption-machine.ts";
import { type CodeFault, faultOf } from "../../viewmodels/recovery-code.ts";
import type { Messages } from "../../i18n/index.ts";
import { Button } from "../Button/Button.tsx";
import { CodeCard } from "../CodeCard/CodeCard.tsx";
import { Dialog } from "../Dialog/Dialog.tsx";
import { Field } from "../Field/Field.tsx";
import { Icon } from "../Icon/Icon.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";
import { PageForm } from "./PageForm.tsx";
import { PasswordForm } from "./PasswordForm.tsx";
import styles from "./Encryption.module.css";

export type EncryptionActions = Pick<EncryptionViewModel, "send" | "later" | "submitCode" | "submitPassword" | "visited">;

export interface EncryptionProps {
  readonly state: EncryptionSnapshot;
  readonly actions: EncryptionActions;
  readonly onCopy: (code: string) => Promise<void>;
  readonly onPrint: () => void;
  readonly onPdf: (code: string) => void;
}

/** The screens of the encryption machine; each has a way forward and a way out. */
export function EncryptionView(props: EncryptionProps) {
  const words = useWords();
  const { state: { state }, actions } = props;
  const w = words.encryption;
  switch (state.name) {
    case "hidden": return null;
    case "offerSetUp":
      return (
        <Dialog title={w.setUp.title} size="medium" onClose={actions.later} footer={<>
          <Button onClick={actions.later}>{w.setUp.later}</Button>
          <Button look="primary" onClick={() => actions.send({ type: "start" })}>{w.setUp.action}</Button>
        </>}>
          <Lead icon="lock" text={w.setUp.text} />
        </Dialog>
      );
    case "offerVerify": return <OfferVerify {...props} />;
    case "enterCode": return <EnterCode {...props} wrong={state.wrong} />;
    case "warnReset": return <WarnReset {...props} />;
    case "warnRenew": return <WarnRenew {...props} unsure={state.unsure} />;
    case "working": return <Working state={state} />;
    case "password":
      return (
        <Dialog title={w.password.title} size="medium" onClose={actions.later}>
          <p>{w.password.text}</p>
          <PasswordForm wrong={state.again} onSubmit={actions.submitPassword} onCancel={actions.later} />
        </Dialog>
      );
    case "page":
      return (
        <Dialog title={w.page.title} size="medium" onClose={actions.later}>
          <PageForm url={state.url} onVisited={actions.visited} onCancel={actions.later} />
        </Dialog>
      );
    case "showCode": return <ShowCode {...props} code={state.code} kept={state.kept} />;
    case "ready":
      return (
        <Dialog title={w.ready.title} size="medium" onClose={() => actions.send({ type: "finish" })}
          footer={<Button look="primary" onClick={() => actions.send({ type: "finish" })}>{w.ready.action}</Button>}>
          <Lead icon="check" text={w.ready.text} />
        </Dialog>
      );
    case "failed":
      return (
        <Dialog title={w.failed.title} size="medium" onClose={actions.later} footer={<>
          <Button onClick={actions.later}>{w.failed.later}</Button>
          <Button look="primary" onClick={() => actions.send({ type: "retry" })}>{w.failed.retry}</Button>
        </>}>
          <Notice tone="danger">{words.failure[state.kind]}</Notice>
        </Dialog>
      );
  }
}

function Lead({ icon, text }: { readonly icon: "lock" | "check" | "device" | "warn"; readonly text: string }) {
  return <div className={styles.lead}><span className={styles.leadIcon}><Icon name={icon} size={28} /></span><p>{text}</p></div>;
}

function OfferVerify({ state, actions }: EncryptionProps) {
  const words = useWords();
  const w = words.encryption.verify;
  return (
    <Dialog title={w.title} size="medium" onClose={actions.later}>
      <Lead icon="device" text={w.text} />
      <div className={styles.ways}>
        {state.status.hasRecovery ? <Button look="primary" icon="edit" wide onClick={() => actions.send({ type: "useCode" })}>{w.withCode}</Button> : null}
        <Button icon="device" wide disabled={!state.status.otherDevices} onClick={() => actions.send({ type: "useDevice" })}>{w.withDevice}</Button>
        {!state.status.otherDevices ? <p className={styles.soft}>{w.noDevice}</p> : null}
        <Button look="quiet" wide onClick={() => actions.send({ type: "lost" })}>{w.lost}</Button>
        <Button look="quiet" wide onClick={actions.later}>{w.later}</Button>
      </div>
    </Dialog>
  );
}

function EnterCode({ state, actions, wrong }: EncryptionProps & { readonly wrong: boolean }) {
  const words = useWords();
  const w = words.encryption.enter;
  const [code, setCode] = useState(state.typed);
  const problem = wrong && code === state.typed ? faultText(faultOf(code), words) : null;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (code.trim()) actions.submitCode(code);
  };
  return (
    <Dialog title={w.title} size="medium" onClose={actions.later} footer={<>
      <Button onClick={() => actions.send({ type: "back" })}>{words.app.back}</Button>
      <Button look="primary" type="submit" form="recovery-form" disabled={code.trim() === ""}>{w.action}</Button>
    </>}>
      <form id="recovery-form" className={styles.form} onSubmit={submit}>
        <p>{w.text}</p>
        <Field label={w.label} value={code} onText={setCode} autoFocus rows={3} problem={problem} className={styles.codeInput} />
      </form>
    </Dialog>
  );
}

function faultText(fault: CodeFault, words: Messages): string {
  const w = words.encryption.enter.faults;
  switch (fault.kind) {
    case "letters": return w.letters(fault.groups);
    case "length": return fault.excess > 0 ? w.tooLong(fault.excess) : w.tooShort(-fault.excess);
    case "slip": return w.slip;
    case "other": return w.other;
  }
}

function WarnRenew({ actions, unsure }: EncryptionProps & { readonly unsure: boolean }) {
  const w = useWords().encryption.renew;
  return (
    <Dialog title={unsure ? w.unsureTitle : w.title} size="medium" onClose={actions.later} footer={<>
      {unsure ? <Button onClick={() => actions.send({ type: "finish" })}>{w.kept}</Button> : <Button onClick={actions.later}>{w.cancel}</Button>}
      <Button look="primary" onClick={() => actions.send({ type: "confirmRenew" })}>{w.action}</Button>
    </>}>
      <Lead icon="warn" text={unsure ? w.unsureText : w.text} />
    </Dialog>
  );
}

function WarnReset({ actions }: EncryptionProps) {
  const words = useWords();
  const w = words.encryption.reset;
  const [sure, setSure] = useState(false);
  return (
    <Dialog title={w.title} size="medium" onClose={actions.later} footer={<>
      <Button onClick={() => actions.send({ type: "back" })}>{words.app.back}</Button>
      <Button look="danger" disabled={!sure} onClick={() => actions.send({ type: "confirmReset" })}>{w.action}</Button>
    </>}>
      <Lead icon="warn" text={w.text} />
      <label className={styles.check}><input type="checkbox" checked={sure} onChange={(event) => setSure(event.target.checked)} /> {w.confirm}</label>
    </Dialog>
  );
}

function Working({ state }: { readonly state: EncryptionState & { name: "working" } }) {
  const words = useWords();
  const w = words.encryption;
  const text = { settingUp: w.setUp.working, resetting: w.reset.working, renewing: w.setUp.working, checking: w.enter.working, calling: w.sas.waiting }[state.work];
  return (
    <Dialog title={w.setUp.title} size="medium">
      <p role="status" className={styles.working}><span className={styles.spinner} aria-hidden="true" /> {text}</p>
    </Dialog>
  );
}

function ShowCode({ state, actions, code, kept, onCopy, onPrint, onPdf }: EncryptionProps & { readonly code: string; readonly kept: boolean }) {
  const words = useWords();
  const w = words.encryption.code;
  return (
    <Dialog title={w.title} size="medium" footer={<Button look="primary" disabled={!kept} onClick={() => actions.send({ type: "finish" })}>{w.done}</Button>}>
      <p>{w.text}</p>
      <CodeCard code={code} account={state.userId} onCopy={onCopy} onPrint={onPrint} onPdf={onPdf} />
      <label className={styles.check}>
        <input type="checkbox" checked={kept} onChange={(event) => actions.send({ type: "keepCode", kept: event.target.checked })} /> {w.confirm}
      </label>
    </Dialog>
  );
}
