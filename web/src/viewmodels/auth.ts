// SPDX-License-Identifier: Apache-2.0
/** Signing in and creating an account. */
import { type AccountRef, type AuthPort, CoreError, type FailureKind, type SignInMethods } from "../core/port/session.ts";
import { ViewModel } from "./base.ts";
import { kindOf } from "./failure.ts";

/** Shortest password asked for at registration; the server may ask for more. */
export const MIN_PASSWORD = 8;

export type AuthField = "username" | "password" | "displayName" | "token";
export type FieldProblem = "missing" | "short";

export interface AuthSnapshot {
  readonly phase: "loading" | "ready" | "working" | "unreachable";
  readonly mode: "signIn" | "signUp";
  readonly methods: SignInMethods | null;
  readonly values: Readonly<Record<AuthField, string>>;
  readonly problems: Partial<Record<AuthField, FieldProblem>>;
  readonly failure: FailureKind | null;
  readonly passwordShown: boolean;
  /** The session expired: signing in as the same person goes on with it. */
  readonly again: boolean;
  /** True while a sign-in on the server's pages is being finished here. */
  readonly returning: boolean;
  /** Where what failed can be mended; how long the server wants to be left alone, in milliseconds. */
  readonly page: string | null;
  readonly waitMs: number;
}

const failureOf = (error: unknown): Pick<AuthSnapshot, "failure" | "page" | "waitMs"> => ({
  failure: kindOf(error), page: error instanceof CoreError ? error.page : null, waitMs: error instanceof CoreError ? error.retryAfterMs : 0,
});

export class AuthViewModel extends ViewModel<AuthSnapshot> {
  readonly #auth: AuthPort;
  readonly #again: AccountRef | undefined;
  readonly #opened: (account: AccountRef) => void;
  readonly #go: (url: string) => void;

  /** `again`: the account of this browser that the server asks to sign in once more. */
  constructor(auth: AuthPort, opened: (account: AccountRef) => void, go: (url: string) => void, again: AccountRef | null = null) {
    super({
      phase: "loading", mode: "signIn", methods: null,
      again: again !== null,
      values: { username: again ? again.userId : "", password: "", displayName: "", token: "" },
      problems: {}, failure: null, passwordShown: false, returning: false, page: null, waitMs: 0,
    });
    this.#auth = auth;
    this.#again = again ?? undefined;
    this.#opened = opened;
    this.#go = go;
  }

  /** Asks the server how to sign in; `failure` is said beside it. */
  load = async (failure: FailureKind | null = null): Promise<void> => {
    this.merge({ phase: "loading", failure });
    try {
      this.merge({ methods: await this.#auth.methods(), phase: "ready" });
    } catch (error) {
      this.merge({ phase: "unreachable", failure: kindOf(error) });
    }
  };

  /** The same for who has just signed in on the server's pages: they are not asked once more. */
  loadAndGoOn = async (): Promise<void> => {
    await this.load();
    if (this.get().phase === "ready" && this.get().methods?.oauth) await this.continueWithOAuth("signIn");
  };

  setMode = (mode: "signIn" | "signUp"): void => this.merge({ mode, problems: {}, failure: null });

  togglePassword = (): void => this.merge({ passwordShown: !this.get().passwordShown });

  setField = (field: AuthField, value: string): void => {
    const { values, problems } = this.get();
    const { [field]: _gone, ...others } = problems;
    this.merge({ values: { ...values, [field]: value }, problems: others });
  };

  submit = async (): Promise<void> => {
    const { mode, values, phase } = this.get();
    if (phase === "working") return;
    const problems = this.#check();
    this.merge({ problems, failure: null });
    if (Object.keys(problems).length > 0) return;
    await this.#run(() => (mode === "signIn"
      ? this.#auth.signIn(values.username, values.password, this.#again)
      : this.#auth.signUp({ ...values, username: values.username.trim().toLowerCase() })));
  };

  /** Leaves for the server's own pages. */
  continueWithOAuth = async (action: "signIn" | "signUp"): Promise<void> => {
    this.merge({ phase: "working", failure: null });
    try {
      this.#go(await this.#auth.beginOAuth(action, this.#again));
    } catch (error) {
      this.merge({ phase: "ready", ...failureOf(error) });
    }
  };

  /** Comes back from the server's own pages. */
  finishOAuth = async (code: string, state: string, issuer: string | null = null): Promise<void> => {
    this.merge({ returning: true });
    await this.#run(() => this.#auth.finishOAuth(code, state, issuer));
    this.merge({ returning: false });
    if (this.get().failure) await this.load(this.get().failure);
  };

  async #run(open: () => Promise<AccountRef>): Promise<void> {
    this.merge({ phase: "working" });
    try {
      const account = await open();
      this.merge({ values: { ...this.get().values, password: "" } });
      this.#opened(account);
    } catch (error) {
      this.merge({ phase: "ready", ...failureOf(error) });
    }
  }

  #check(): Partial<Record<AuthField, FieldProblem>> {
    const { mode, values, methods } = this.get();
    const problems: Partial<Record<AuthField, FieldProblem>> = {};
    if (values.username.trim() === "") problems.username = "missing";
    if (values.password === "") problems.password = "missing";
    else if (mode === "signUp" && [...values.password].length < MIN_PASSWORD) problems.password = "short";
    if (mode === "signUp" && methods?.registration === "token" && values.token.trim() === "") problems.token = "missing";
    return problems;
  }
}
