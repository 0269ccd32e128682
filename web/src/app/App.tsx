// SPDX-License-Identifier: Apache-2.0
/** The composition root: services to view models, view models to views. */
import { useEffect, useMemo, useState } from "react";
import { prefetchCore } from "../core/index.ts";
import type { AccountRef, AuthPort } from "../core/port/session.ts";
import { type AppSnapshot, type AppViewModel } from "../viewmodels/app.ts";
import { AuthViewModel, MIN_PASSWORD } from "../viewmodels/auth.ts";
import type { PreferencesViewModel } from "../viewmodels/preferences.ts";
import { Cover } from "../ui/Shell/Cover.tsx";
import { removalText, SignInView } from "../ui/SignIn/SignInView.tsx";
import { useWords } from "../ui/words.ts";
import { loadWorkspace } from "./lazy.ts";
import { cameSignedIn, oauthReturn } from "./oauth-return.ts";
import { useSnapshot } from "./use-snapshot.ts";
import { lazy, Suspense } from "react";

export interface AppServicesView {
  readonly app: AppViewModel;
  readonly auth: AuthPort;
  readonly preferences: PreferencesViewModel;
}

const Workspace = lazy(loadWorkspace);

export function App(services: AppServicesView) {
  const words = useWords();
  const state: AppSnapshot = useSnapshot(services.app);
  switch (state.phase) {
    case "signIn": return <SignIn key="new" {...services} again={null} />;
    case "expired": return <SignIn key={state.account.key} {...services} again={state.account} />;
    case "opening": return <Cover text={words.app.loading} busy />;
    case "otherTab":
      return <Cover text={words.app.otherTab} help={words.app.otherTabHelp} action={words.app.useHere} onAction={() => void services.app.takeOver()} />;
    case "failed": return <CannotOpen {...services} account={state.account} />;
    case "signedOut": return <Cover text={words.app.signedOut} action={words.app.signInAgain} onAction={() => void services.app.start()} />;
    case "open":
      return (
        <Suspense fallback={<Cover text={words.app.loading} busy />}>
          <Workspace key={state.core.account.key} {...services} core={state.core} />
        </Suspense>
      );
  }
}

function CannotOpen({ app, auth, account }: AppServicesView & { readonly account: AccountRef }) {
  const words = useWords();
  const unsent = useUnsent(auth, account);
  return (
    <Cover
      text={words.app.startFailed} help={words.app.startFailedHelp} action={words.app.retry} onAction={() => window.location.reload()}
      last={{ action: words.app.removeHere, text: removalText(words, unsent), run: () => void app.remove(account) }}
    />
  );
}

/** Messages of an account that is not open, and that wait on this device. */
function useUnsent(auth: AuthPort, account: AccountRef | null): number {
  const [count, setCount] = useState(0);
  useEffect(() => { if (account) void auth.unsent(account).then((found) => setCount(found ?? 0)); }, [auth, account]);
  return count;
}

function SignIn({ app, auth, preferences, again }: AppServicesView & { readonly again: AccountRef | null }) {
  const words = useWords();
  const vm = useMemo(() => new AuthViewModel(auth, (account) => void app.open(account), (url) => window.location.assign(url), again), [app, auth, again]);
  const state = useSnapshot(vm);
  const settings = useSnapshot(preferences);
  const unsent = useUnsent(auth, again);
  useEffect(() => {
    const returned = oauthReturn(window.location.search);
    const signedIn = again === null && cameSignedIn(window.location.search);
    if (returned || signedIn) window.history.replaceState(null, "", window.location.pathname);
    if (returned?.kind === "code") void vm.finishOAuth(returned.code, returned.state, returned.issuer);
    else if (signedIn) void vm.loadAndGoOn();
    else void vm.load(returned ? (returned.denied ? "cancelled" : "server") : null);
    performance.mark("estafette:sign-in");
    // What comes next is fetched while the person types, once the page is drawn.
    const timer = setTimeout(() => { prefetchCore(); void loadWorkspace(); }, 300);
    return () => { clearTimeout(timer); vm.dispose(); };
  }, [vm, again]);
  return (
    <>
      <title>{words.app.name}</title>
      <SignInView
        state={state} actions={vm} minPassword={MIN_PASSWORD} accounts={auth.accounts().filter((one) => one.key !== again?.key)}
        onAccount={(key) => void app.switchTo(key)} unsent={unsent} {...(again ? { onRemove: () => void app.remove(again) } : {})}
        onLanguage={() => preferences.set({ language: settings.language === "fr" ? "en" : "fr" })}
      />
    </>
  );
}
