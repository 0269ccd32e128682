// SPDX-License-Identifier: Apache-2.0
import { type FormEvent, useEffect, useRef, useState } from "react";
import type { AccountRef } from "../../core/port/session.ts";
import type { AuthSnapshot, AuthViewModel } from "../../viewmodels/auth.ts";
import { Button, IconButton } from "../Button/Button.tsx";
import { Confirm } from "../Dialog/Dialog.tsx";
import { Field } from "../Field/Field.tsx";
import { Notice } from "../Notice/Notice.tsx";
import type { Messages } from "../../i18n/index.ts";
import { useWords } from "../words.ts";
import styles from "./SignIn.module.css";

export type SignInActions = Pick<AuthViewModel, "load" | "setMode" | "setField" | "submit" | "togglePassword" | "continueWithOAuth">;

interface Props {
  readonly state: AuthSnapshot;
  readonly actions: SignInActions;
  readonly minPassword: number;
  /** Other accounts of this browser, to go on with instead. */
  readonly accounts: readonly AccountRef[];
  readonly onAccount: (key: string) => void;
  /** Removes the account whose session expired from this browser. */
  readonly onRemove?: () => void;
  /** Messages of that account that wait to be sent, and would go with it. */
  readonly unsent?: number;
  readonly onLanguage: () => void;
}

/** What removing an account from this browser costs. */
export const removalText = (words: Messages, unsent: number): string =>
  (unsent > 0 ? `${words.settings.signOutUnsent(unsent)} ${words.app.removeHereHelp}` : words.app.removeHereHelp);

export function SignInView({ state, actions, minPassword, accounts, onAccount, onRemove, unsent = 0, onLanguage }: Props) {
  const words = useWords();
  const { methods, mode, phase } = state;
  // A form of our own only where the server makes no accounts on its pages.
  const formHere = !state.again && methods !== null && !methods.signUpPages && methods.registration !== "closed";
  const closed = !state.again && methods !== null && !methods.signUpPages && methods.registration === "closed";
  const onPages = methods?.oauth === true && mode === "signIn";
  return (
    <div className={styles.page}>
      <main className={styles.card}>
        <header className={styles.head}>
          <img src="/icon.svg" alt="" width={56} height={56} />
          <h1 className={styles.name}>{words.app.name}</h1>
          <p className={styles.tagline}>{words.auth.tagline}</p>
        </header>
        {state.again ? <Notice>{words.auth.again}</Notice> : null}
        {phase === "unreachable" ? (
          <Notice tone="danger" actions={<Button icon="retry" onClick={() => void actions.load()}>{words.app.retry}</Button>}>
            {words.failure.offline}
          </Notice>
        ) : state.returning ? <p role="status" className={styles.tagline}>{words.auth.working}</p> : onPages ? <PagesForm state={state} actions={actions} signUp={methods.signUpPages && !state.again} /> : <PasswordForm state={state} actions={actions} minPassword={minPassword} />}
        {formHere ? (
          <p className={styles.switch}>
            {mode === "signIn" ? words.auth.noAccount : words.auth.hasAccount}{" "}
            <Button look="quiet" onClick={() => actions.setMode(mode === "signIn" ? "signUp" : "signIn")}>
              {mode === "signIn" ? words.auth.signUp : words.auth.signIn}
            </Button>
          </p>
        ) : closed ? <p className={styles.tagline}>{words.auth.closed}</p> : null}
        {accounts.length > 0 || onRemove ? <Others accounts={accounts} onAccount={onAccount} unsent={unsent} {...(onRemove ? { onRemove } : {})} /> : null}
      </main>
      <Button look="quiet" icon="globe" className={styles.language} onClick={onLanguage}>
        <span lang={words.auth.language === "English" ? "en" : "fr"}>{words.auth.language}</span>
      </Button>
    </div>
  );
}

function Others({ accounts, onAccount, onRemove, unsent }: Pick<Props, "accounts" | "onAccount" | "onRemove"> & { readonly unsent: number }) {
  const words = useWords();
  const [asking, setAsking] = useState(false);
  return (
    <div className={styles.others}>
      {accounts.map((one) => <Button key={one.key} look="quiet" icon="back" wide onClick={() => onAccount(one.key)}>{words.auth.backTo(one.userId)}</Button>)}
      {onRemove ? <Button look="quiet" wide onClick={() => setAsking(true)}>{words.app.removeHere}</Button> : null}
      {asking && onRemove ? (
        <Confirm title={words.app.removeHere} text={removalText(words, unsent)} action={words.app.removeHere} danger onCancel={() => setAsking(false)} onConfirm={onRemove} />
      ) : null}
    </div>
  );
}

/** Why it failed, and the way on. */
function Failure({ state: { failure, page, waitMs } }: Pick<Props, "state">) {
  const words = useWords();
  if (!failure) return null;
  return (
    <Notice tone="danger">
      <p>{failure === "lapsed" && page === null ? words.app.lapsedAsk : words.failure[failure]}{failure === "limit" && waitMs > 0 ? ` ${words.auth.wait(Math.ceil(waitMs / 1000))}` : ""}</p>
      {page ? <p><a href={page}>{words.app.renew}</a></p> : null}
    </Notice>
  );
}

function PagesForm({ state, actions, signUp }: Pick<Props, "state" | "actions"> & { readonly signUp: boolean }) {
  const words = useWords();
  const waiting = state.phase !== "ready";
  return (
    <div className={styles.form}>
      <p>{words.auth.oauthHelp}</p>
      <Failure state={state} />
      <Button look="primary" wide disabled={waiting} onClick={() => void actions.continueWithOAuth("signIn")}>{words.auth.signIn}</Button>
      {signUp ? (
        <>
          <p className={styles.switch}>{words.auth.noAccount}</p>
          <Button wide disabled={waiting} onClick={() => void actions.continueWithOAuth("signUp")}>{words.auth.signUp}</Button>
          <p className={styles.small}>{words.auth.signUpHelp}</p>
        </>
      ) : null}
    </div>
  );
}

function PasswordForm({ state, actions, minPassword }: Pick<Props, "state" | "actions" | "minPassword">) {
  const words = useWords();
  const form = useRef<HTMLFormElement>(null);
  const { values, problems, mode, methods } = state;
  const signingUp = mode === "signUp";
  const working = state.phase === "working";
  useEffect(() => {
    form.current?.querySelector<HTMLInputElement>("[aria-invalid=true]")?.focus();
  }, [problems]);
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    void actions.submit();
  };
  const passwordProblem = problems.password === "missing" ? words.auth.passwordMissing
    : problems.password === "short" ? words.auth.passwordShort(minPassword) : null;
  return (
    <form ref={form} className={styles.form} onSubmit={onSubmit} noValidate aria-label={signingUp ? words.auth.signUp : words.auth.signIn}>
      {signingUp ? (
        <Field label={words.auth.displayName} help={words.auth.displayNameHelp} value={values.displayName} autoComplete="name"
          onText={(value) => actions.setField("displayName", value)} />
      ) : null}
      <Field label={words.auth.username} help={signingUp ? words.auth.usernameHelp : undefined} value={values.username}
        autoComplete="username" autoCapitalize="none" spellCheck={false} required
        problem={problems.username ? words.auth.usernameMissing : null} onText={(value) => actions.setField("username", value)} />
      <Field label={words.auth.password} help={signingUp ? words.auth.passwordHelp(minPassword) : undefined} value={values.password}
        type={state.passwordShown ? "text" : "password"} autoComplete={signingUp ? "new-password" : "current-password"} required
        problem={passwordProblem} onText={(value) => actions.setField("password", value)}
        aside={<IconButton icon="eye" label={state.passwordShown ? words.auth.hide : words.auth.show} aria-pressed={state.passwordShown} onClick={actions.togglePassword} />} />
      {signingUp && methods?.registration === "token" ? (
        <Field label={words.auth.token} value={values.token} autoComplete="off" spellCheck={false} required
          problem={problems.token ? words.auth.tokenMissing : null} onText={(value) => actions.setField("token", value)} />
      ) : null}
      <Failure state={state} />
      <Button look="primary" wide type="submit" disabled={working}>
        {working ? (signingUp ? words.auth.creating : words.auth.working) : signingUp ? words.auth.signUp : words.auth.signIn}
      </Button>
    </form>
  );
}
