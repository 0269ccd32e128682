// SPDX-License-Identifier: Apache-2.0
import type { AuthSnapshot } from "../../viewmodels/auth.ts";
import { idle, nothing } from "../samples.ts";
import { SignInView } from "./SignInView.tsx";

const state: AuthSnapshot = {
  phase: "ready", mode: "signIn", methods: { password: true, oauth: false, signUpPages: false, registration: "token" }, problems: {}, failure: null, passwordShown: false, returning: false, page: null, waitMs: 0, again: false,
  values: { username: "", password: "", displayName: "", token: "" },
};
const others = [{ key: "b", userId: "@camille.durand:gouv.fr", deviceId: "B" }];
const show = (change: Partial<AuthSnapshot>) => <SignInView state={{ ...state, ...change }} actions={idle()} minPassword={8} accounts={[]} onAccount={nothing} onLanguage={nothing} />;

export const stories = {
  signIn: () => show({}), signUp: () => show({ mode: "signUp", problems: { username: "missing", password: "short", token: "missing" } }),
  another: () => <SignInView state={state} actions={idle()} minPassword={8} accounts={others} onAccount={nothing} onRemove={nothing} onLanguage={nothing} />,
  again: () => show({ again: true, values: { ...state.values, username: "@camille:x" } }), wrong: () => show({ failure: "credentials" }), working: () => show({ phase: "working" }), unreachable: () => show({ phase: "unreachable", methods: null }),
  returning: () => show({ phase: "working", methods: null, returning: true }), pages: () => show({ methods: { password: false, oauth: true, signUpPages: true, registration: "closed" } }),
  lapsed: () => show({ failure: "lapsed", page: "https://compte.example/renew" }), lapsedAsk: () => show({ failure: "lapsed" }), limited: () => show({ failure: "limit", waitMs: 30_000 }),
  pagesWithoutSignUp: () => show({ methods: { password: false, oauth: true, signUpPages: false, registration: "closed" }, failure: "offline" }),
  closed: () => show({ methods: { password: true, oauth: false, signUpPages: false, registration: "closed" } }),
};
