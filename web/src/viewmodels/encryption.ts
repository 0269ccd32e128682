// SPDX-License-Identifier: Apache-2.0
/** Runs the encryption machine against the core and remembers what the person put off. */
import type { Core } from "../core/port/core.ts";
import type { Confirmation, EncryptionStatus, VerificationState } from "../core/port/encryption.ts";
import { type KeyValue, ViewModel } from "./base.ts";
import { type EncryptionEvent, type EncryptionState, next, type Work } from "./encryption-machine.ts";
import { kindOf } from "./failure.ts";

/** Where it is remembered when the person put the question off. */
const PUT_OFF = "encryption.putOff";
/** Where it is remembered that a code came into force that nobody said was kept. */
const CODE_UNSURE = "encryption.codeUnsure";
/** A question that was put off comes back after this time; until then a banner stays, in milliseconds. */
const ASK_AGAIN_MS = 7 * 24 * 60 * 60 * 1_000;

export interface EncryptionSnapshot {
  readonly state: EncryptionState;
  readonly status: EncryptionStatus;
  readonly verification: VerificationState | null;
  readonly userId: string;
  readonly putOff: boolean;
  readonly bannerHidden: boolean;
  /** A code is in force that may have been seen by nobody. */
  readonly codeUnsure: boolean;
  /** The code as it was typed last, to be mended rather than typed again. */
  readonly typed: string;
}

export class EncryptionViewModel extends ViewModel<EncryptionSnapshot> {
  readonly #core: Core;
  readonly #memory: KeyValue;
  readonly #now: () => number;
  #answerPassword: ((password: string | null) => void) | null = null;
  #answerPage: ((visited: boolean) => void) | null = null;
  #asked = 0;
  #unfollow: (() => void) | null = null;

  constructor(core: Core, memory: KeyValue, now: () => number = Date.now) {
    const asked = Number(memory.read(PUT_OFF) ?? 0);
    super({
      state: { name: "hidden" }, status: core.encryption.status.get(), verification: null,
      userId: core.account.userId, putOff: now() - asked < ASK_AGAIN_MS, bannerHidden: false,
      codeUnsure: memory.read(CODE_UNSURE) !== null, typed: "",
    });
    this.#core = core;
    this.#memory = memory;
    this.#now = now;
    this.follow(core.encryption.status, (status) => this.#onStatus(status));
    this.follow(core.encryption.verification, () => this.#followVerification());
    this.undo.add(() => this.#unfollow?.());
  }

  #onStatus(status: EncryptionStatus): void {
    this.merge({ status });
    const { phase } = status;
    if (phase === "ready" || (phase === "noRecovery" && this.get().state.name !== "offerSetUp")) this.#dispatch({ type: "satisfied" });
    if (this.get().putOff) return;
    if (phase === "fresh" || phase === "noRecovery") this.#dispatch({ type: "needSetUp" });
    if (status.phase === "unverified") this.#dispatch({ type: "needVerify" });
    if (status.phase === "ready" && this.get().codeUnsure) this.#dispatch({ type: "codeUnsure" });
  }

  /** Written before a code comes into force: the page may go away at any moment after. */
  #setUnsure(codeUnsure: boolean): void {
    this.#memory.write(CODE_UNSURE, codeUnsure ? String(this.#now()) : null);
    this.merge({ codeUnsure });
  }

  #followVerification(): void {
    this.#unfollow?.();
    const flow = this.#core.encryption.verification.get();
    if (!flow) return this.merge({ verification: null });
    const show = (): void => this.merge({ verification: flow.state.get() });
    this.#unfollow = flow.state.subscribe(show);
    show();
  }

  #dispatch(event: EncryptionEvent): void {
    const before = this.get().state;
    const after = next(before, event);
    if (after === before) return;
    if (event.type === "finish" && (before.name === "showCode" || before.name === "warnRenew")) this.#setUnsure(false);
    this.merge({ state: after });
    if (after.name === "working" && before.name !== "password" && before.name !== "page") void this.#work(after.work);
  }

  async #work(work: Work): Promise<void> {
    this.#asked = 0;
    const wasUnsure = this.get().codeUnsure;
    if (work === "settingUp" || work === "resetting" || work === "renewing") this.#setUnsure(true);
    try {
      this.#dispatch(await this.#perform(work));
    } catch (error) {
      const kind = kindOf(error);
      const cancelled = this.get().state.name === "hidden";
      if (cancelled) return this.#setUnsure(wasUnsure);
      this.#dispatch(work === "checking" && kind === "credentials" ? { type: "wrongCode" } : { type: "failure", kind });
    }
  }

  async #perform(work: Work): Promise<EncryptionEvent> {
    const { encryption } = this.#core;
    switch (work) {
      case "settingUp": return { type: "gotCode", code: await encryption.setUp(this.#confirmation) };
      case "resetting": return { type: "gotCode", code: await encryption.reset(this.#confirmation) };
      case "renewing": return { type: "gotCode", code: await encryption.renewCode() };
      case "checking":
        await encryption.recover(this.get().typed);
        this.merge({ typed: "" });
        return { type: "recovered" };
      case "calling":
        await encryption.verifyThisDevice();
        return { type: "called" };
    }
  }

  readonly #confirmation: Confirmation = {
    password: () => {
      this.#dispatch({ type: "askPassword", again: this.#asked > 0 });
      this.#asked += 1;
      return new Promise((resolve) => { this.#answerPassword = resolve; });
    },
    page: (url) => {
      this.#dispatch({ type: "askPage", url });
      return new Promise((resolve) => { this.#answerPage = resolve; });
    },
  };

  /** The person says that the server's page was visited. */
  visited = (): void => {
    this.#dispatch({ type: "visited" });
    this.#answerPage?.(true);
    this.#answerPage = null;
  };

  submitPassword = (password: string): void => {
    this.#dispatch({ type: "submitPassword" });
    this.#answerPassword?.(password);
    this.#answerPassword = null;
  };

  submitCode = (typed: string): void => {
    this.merge({ typed });
    this.#dispatch({ type: "submitCode" });
  };

  send = (event: Extract<EncryptionEvent, { type: "start" | "useCode" | "useDevice" | "lost" | "back" | "confirmReset" | "finish" | "retry" | "renew" | "confirmRenew" | "keepCode" }>): void => {
    this.#dispatch(event);
  };

  later = (): void => {
    this.#answerPassword?.(null);
    this.#answerPassword = null;
    this.#answerPage?.(false);
    this.#answerPage = null;
    this.#memory.write(PUT_OFF, String(this.#now()));
    this.merge({ putOff: true, typed: "" });
    this.#dispatch({ type: "later" });
  };

  hideBanner = (): void => this.merge({ bannerHidden: true });

  /** Opens whatever this account needs now: set-up, confirmation or a first code. */
  attend = (): void => {
    const { phase } = this.get().status;
    this.merge({ putOff: false });
    if (phase === "fresh") this.#dispatch({ type: "needSetUp" });
    if (phase === "unverified") this.#dispatch({ type: "needVerify" });
    if (phase === "noRecovery") this.#dispatch({ type: "needCode" });
    if (phase === "ready" && this.get().codeUnsure) this.#dispatch({ type: "codeUnsure" });
  };

  acceptVerification = (): void => void this.#core.encryption.verification.get()?.accept().catch(() => undefined);
  confirmEmoji = (): void => void this.#core.encryption.verification.get()?.confirm().catch(() => undefined);
  rejectEmoji = (): void => void this.#core.encryption.verification.get()?.reject();
  closeVerification = (): void => this.#core.encryption.dismissVerification();
}
