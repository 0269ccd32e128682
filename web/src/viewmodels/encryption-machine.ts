// SPDX-License-Identifier: Apache-2.0
/**
 * The encryption screens as a state machine: every state has a way out, working states leave by
 * success and by failure alike. Pure; its test walks the whole graph.
 */
import type { FailureKind } from "../core/port/session.ts";

export type Work = "settingUp" | "resetting" | "renewing" | "checking" | "calling";

export type EncryptionState =
  | { readonly name: "hidden" }
  | { readonly name: "offerSetUp" }
  | { readonly name: "offerVerify" }
  | { readonly name: "enterCode"; readonly wrong: boolean }
  | { readonly name: "warnReset" }
  /** `unsure`: the present code was shown, and nobody said that it was kept. */
  | { readonly name: "warnRenew"; readonly unsure: boolean }
  | { readonly name: "working"; readonly work: Work }
  | { readonly name: "password"; readonly work: Work; readonly again: boolean }
  | { readonly name: "page"; readonly work: Work; readonly url: string }
  | { readonly name: "showCode"; readonly code: string; readonly kept: boolean }
  | { readonly name: "ready" }
  | { readonly name: "failed"; readonly work: Work; readonly kind: FailureKind };

export type EncryptionEvent =
  // What the account needs, told by the core or asked by the person.
  | { readonly type: "needSetUp" } | { readonly type: "needVerify" } | { readonly type: "needCode" }
  | { readonly type: "codeUnsure" } | { readonly type: "satisfied" }
  // The person's choices.
  | { readonly type: "start" } | { readonly type: "useCode" } | { readonly type: "useDevice" }
  | { readonly type: "lost" } | { readonly type: "back" } | { readonly type: "later" }
  | { readonly type: "submitCode" } | { readonly type: "confirmReset" } | { readonly type: "renew" }
  | { readonly type: "confirmRenew" }
  | { readonly type: "keepCode"; readonly kept: boolean } | { readonly type: "finish" }
  | { readonly type: "retry" } | { readonly type: "submitPassword" } | { readonly type: "visited" }
  // Results of work.
  | { readonly type: "askPassword"; readonly again: boolean } | { readonly type: "askPage"; readonly url: string }
  | { readonly type: "gotCode"; readonly code: string } | { readonly type: "recovered" }
  | { readonly type: "wrongCode" } | { readonly type: "called" }
  | { readonly type: "failure"; readonly kind: FailureKind };

const HIDDEN: EncryptionState = { name: "hidden" };
const working = (work: Work): EncryptionState => ({ name: "working", work });

/** The state after an event; an event that means nothing here changes nothing. */
export function next(state: EncryptionState, event: EncryptionEvent): EncryptionState {
  switch (state.name) {
    case "hidden": return fromHidden(state, event);
    case "offerSetUp":
      if (event.type === "start") return working("settingUp");
      if (event.type === "needVerify") return { name: "offerVerify" };
      return event.type === "later" || event.type === "satisfied" ? HIDDEN : state;
    case "offerVerify": return fromOfferVerify(state, event);
    case "enterCode":
      if (event.type === "submitCode") return working("checking");
      if (event.type === "back") return { name: "offerVerify" };
      if (event.type === "satisfied") return { name: "ready" };
      return event.type === "later" ? HIDDEN : state;
    case "warnReset":
      if (event.type === "confirmReset") return working("resetting");
      if (event.type === "satisfied") return { name: "ready" };
      return event.type === "back" ? { name: "offerVerify" } : event.type === "later" ? HIDDEN : state;
    case "warnRenew":
      if (event.type === "confirmRenew") return working("renewing");
      return event.type === "later" || (event.type === "finish" && state.unsure) ? HIDDEN : state;
    case "working": return fromWorking(state, event);
    case "password":
      if (event.type === "submitPassword") return working(state.work);
      if (event.type === "failure") return { name: "failed", work: state.work, kind: event.kind };
      return event.type === "later" ? HIDDEN : state;
    case "page":
      if (event.type === "visited") return working(state.work);
      if (event.type === "failure") return { name: "failed", work: state.work, kind: event.kind };
      return event.type === "later" ? HIDDEN : state;
    case "showCode":
      if (event.type === "keepCode") return { ...state, kept: event.kept };
      return event.type === "finish" && state.kept ? HIDDEN : state;
    case "ready":
      return event.type === "finish" || event.type === "later" ? HIDDEN : state;
    case "failed":
      if (event.type === "retry") return retryOf(state.work);
      if (event.type === "satisfied") return { name: "ready" };
      return event.type === "later" ? HIDDEN : state;
  }
}

function fromHidden(state: EncryptionState, event: EncryptionEvent): EncryptionState {
  switch (event.type) {
    case "needSetUp": return { name: "offerSetUp" };
    case "needVerify": return { name: "offerVerify" };
    case "needCode": return working("renewing");
    case "renew": return { name: "warnRenew", unsure: false };
    case "codeUnsure": return { name: "warnRenew", unsure: true };
    default: return state;
  }
}

function fromOfferVerify(state: EncryptionState, event: EncryptionEvent): EncryptionState {
  switch (event.type) {
    case "useCode": return { name: "enterCode", wrong: false };
    case "useDevice": return working("calling");
    case "lost": return { name: "warnReset" };
    case "satisfied": return { name: "ready" };
    case "later": return HIDDEN;
    default: return state;
  }
}

function fromWorking(state: EncryptionState & { name: "working" }, event: EncryptionEvent): EncryptionState {
  switch (event.type) {
    case "askPassword": return { name: "password", work: state.work, again: event.again };
    case "askPage": return { name: "page", work: state.work, url: event.url };
    case "gotCode": return { name: "showCode", code: event.code, kept: false };
    case "recovered": return { name: "ready" };
    case "wrongCode": return { name: "enterCode", wrong: true };
    // The emoji screen takes over; this one waits behind it as the offer.
    case "called": return { name: "offerVerify" };
    case "failure": return { name: "failed", work: state.work, kind: event.kind };
    default: return state;
  }
}

/** Where "try again" leads: back to the choice, so that another road is always open. */
function retryOf(work: Work): EncryptionState {
  switch (work) {
    case "settingUp": return { name: "offerSetUp" };
    case "renewing": return working("renewing");
    case "resetting": return { name: "warnReset" };
    default: return { name: "offerVerify" };
  }
}
