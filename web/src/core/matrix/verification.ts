// SPDX-License-Identifier: Apache-2.0
/** One emoji verification (client-server API, "Short Authentication String"), start to end. */
import {
  type ShowSasCallbacks, type VerificationRequest, VerificationPhase as SdkPhase, VerificationRequestEvent,
  type Verifier, VerifierEvent,
} from "matrix-js-sdk/lib/crypto-api";
import { Cell } from "../port/observable.ts";
import type { VerificationFlow, VerificationPhase, VerificationState } from "../port/encryption.ts";

const SAS = "m.sas.v1";

export class Verification implements VerificationFlow {
  readonly state: Cell<VerificationState>;
  readonly #request: VerificationRequest;
  readonly #finished: () => void;
  #verifier: Verifier | null = null;
  #sas: ShowSasCallbacks | null = null;

  constructor(request: VerificationRequest, otherName: string, finished: () => void) {
    this.#request = request;
    this.#finished = finished;
    this.state = new Cell<VerificationState>({
      phase: request.initiatedByMe ? "waiting" : "incoming",
      self: request.isSelfVerification, otherName, emoji: [],
    });
    request.on(VerificationRequestEvent.Change, this.#onChange);
    this.#onChange();
  }

  #phase(phase: VerificationPhase): void {
    const now = this.state.get().phase;
    if (now === "done" || now === "cancelled" || now === "mismatch") return;
    this.state.update((old) => ({ ...old, phase }));
    if (phase === "done" || phase === "cancelled" || phase === "mismatch") {
      this.#request.off(VerificationRequestEvent.Change, this.#onChange);
      this.#finished();
    }
  }

  readonly #onChange = (): void => {
    const request = this.#request;
    if (request.phase === SdkPhase.Done) return this.#phase("done");
    if (request.phase === SdkPhase.Cancelled) {
      return this.#phase(request.cancellationCode === "m.mismatched_sas" ? "mismatch" : "cancelled");
    }
    // Both sides see "ready"; the one that asked starts, so that the two never collide.
    if (request.phase === SdkPhase.Ready && request.initiatedByMe && !this.#verifier) {
      void request.startVerification(SAS).then((verifier) => this.#follow(verifier), () => this.cancel());
    }
    if (request.phase === SdkPhase.Started && request.verifier) this.#follow(request.verifier);
  };

  #follow(verifier: Verifier): void {
    if (this.#verifier === verifier) return;
    this.#verifier = verifier;
    verifier.on(VerifierEvent.ShowSas, this.#onSas);
    verifier.on(VerifierEvent.Cancel, () => this.#onChange());
    const ready = verifier.getShowSasCallbacks();
    if (ready) this.#onSas(ready);
    verifier.verify().then(() => this.#phase("done"), () => this.#onChange());
  }

  readonly #onSas = (sas: ShowSasCallbacks): void => {
    this.#sas = sas;
    const emoji = (sas.sas.emoji ?? []).map(([symbol, name]) => ({ symbol, name }));
    this.state.update((old) => ({ ...old, emoji }));
    this.#phase("comparing");
  };

  async accept(): Promise<void> {
    this.#phase("waiting");
    await this.#request.accept();
  }

  async confirm(): Promise<void> {
    this.#phase("confirming");
    await this.#sas?.confirm();
  }

  async reject(): Promise<void> {
    this.#sas?.mismatch();
    this.#phase("mismatch");
  }

  async cancel(): Promise<void> {
    this.#phase("cancelled");
    await this.#request.cancel().catch(() => undefined);
  }
}
