// SPDX-License-Identifier: Apache-2.0
import type { VerificationPhase } from "../../core/port/encryption.ts";
import { nothing } from "../samples.ts";
import { VerificationView } from "./VerificationView.tsx";

const show = (phase: VerificationPhase, self = true) => (
  <VerificationView
    state={{ phase, self, otherName: "Jean Martin", emoji: [{ symbol: "🐶", name: "Dog" }, { symbol: "🔑", name: "Key" }] }}
    onAccept={nothing} onConfirm={nothing} onReject={nothing} onClose={nothing}
  />
);

export const stories = {
  incoming: () => show("incoming", false), waiting: () => show("waiting"), comparing: () => show("comparing"), confirming: () => show("confirming"),
  done: () => show("done"), cancelled: () => show("cancelled"), mismatch: () => show("mismatch"),
};
