// SPDX-License-Identifier: Apache-2.0
import type { EncryptionSnapshot } from "../../viewmodels/encryption.ts";
import type { EncryptionState } from "../../viewmodels/encryption-machine.ts";
import { CAMILLE, idle, nothing } from "../samples.ts";
import { EncryptionBanner } from "./EncryptionBanner.tsx";
import { EncryptionView } from "./EncryptionView.tsx";

const snapshot = (state: EncryptionState): EncryptionSnapshot => ({
  state, status: { phase: "unverified", hasRecovery: true, otherDevices: false, restoring: null }, verification: null, userId: CAMILLE.id, putOff: false, bannerHidden: false, codeUnsure: false, typed: "EsTO u4aL 0rxL",
});
const show = (state: EncryptionState) => <EncryptionView state={snapshot(state)} actions={idle()} onCopy={() => Promise.resolve()} onPrint={nothing} onPdf={nothing} />;

export const stories = {
  offerSetUp: () => show({ name: "offerSetUp" }),
  offerVerify: () => show({ name: "offerVerify" }),
  enterCode: () => show({ name: "enterCode", wrong: false }),
  wrongCode: () => show({ name: "enterCode", wrong: true }),
  warnRenew: () => show({ name: "warnRenew", unsure: false }),
  unsure: () => show({ name: "warnRenew", unsure: true }),
  unsureBanner: () => <EncryptionBanner state={{ ...snapshot({ name: "hidden" }), status: { phase: "ready", hasRecovery: true, otherDevices: false, restoring: null }, codeUnsure: true }} onAttend={nothing} onHide={nothing} />,
  warnReset: () => show({ name: "warnReset" }),
  working: () => show({ name: "working", work: "settingUp" }),
  password: () => show({ name: "password", work: "resetting", again: true }),
  page: () => show({ name: "page", work: "resetting", url: "https://compte.example/" }),
  showCode: () => show({ name: "showCode", code: "EsTo u4aL orxL", kept: false }),
  ready: () => show({ name: "ready" }),
  failed: () => show({ name: "failed", work: "settingUp", kind: "offline" }),
  noCodeBanner: () => <EncryptionBanner state={{ ...snapshot({ name: "hidden" }), status: { phase: "noRecovery", hasRecovery: false, otherDevices: false, restoring: null } }} onAttend={nothing} onHide={nothing} />,
  blockedBanner: () => <EncryptionBanner state={{ ...snapshot({ name: "hidden" }), bannerHidden: true }} onAttend={nothing} onHide={nothing} />,
  banner: () => <EncryptionBanner state={snapshot({ name: "hidden" })} onAttend={nothing} onHide={nothing} />,
};
