// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { type EncryptionEvent, type EncryptionState, next } from "./encryption-machine.ts";

/** What a person can do, and what work and the server can answer. */
const CHOICES: readonly EncryptionEvent[] = [
  { type: "start" }, { type: "useCode" }, { type: "useDevice" }, { type: "lost" }, { type: "back" }, { type: "later" }, { type: "submitCode" },
  { type: "confirmReset" }, { type: "renew" }, { type: "confirmRenew" }, { type: "keepCode", kept: true }, { type: "keepCode", kept: false }, { type: "finish" },
  { type: "retry" }, { type: "submitPassword" }, { type: "visited" },
];
const RESULTS: readonly EncryptionEvent[] = [
  { type: "askPassword", again: false }, { type: "askPassword", again: true }, { type: "askPage", url: "https://x/" }, { type: "gotCode", code: "EsTo" }, { type: "recovered" },
  { type: "wrongCode" }, { type: "called" }, { type: "failure", kind: "offline" },
];
const NEEDS: readonly EncryptionEvent[] = [{ type: "needSetUp" }, { type: "needVerify" }, { type: "needCode" }, { type: "codeUnsure" }, { type: "satisfied" }];

const key = (state: EncryptionState): string => JSON.stringify(state);

function reachable(from: EncryptionState, events: readonly EncryptionEvent[]): Map<string, EncryptionState> {
  const found = new Map([[key(from), from]]);
  const queue = [from];
  for (let state = queue.pop(); state; state = queue.pop()) {
    for (const event of events) {
      const to = next(state, event);
      if (!found.has(key(to))) {
        found.set(key(to), to);
        queue.push(to);
      }
    }
  }
  return found;
}

const ALL = [...reachable({ name: "hidden" }, [...CHOICES, ...RESULTS, ...NEEDS]).values()];

describe("encryption machine", () => {
  it("reaches every kind of state", () => {
    expect(new Set(ALL.map((state) => state.name))).toEqual(new Set([
      "hidden", "offerSetUp", "offerVerify", "enterCode", "warnReset", "warnRenew", "working", "password", "page", "showCode", "ready", "failed",
    ]));
  });

  it.each(ALL.filter((state) => state.name !== "working").map((state) => [key(state), state] as const))(
    "lets the person leave %s without help from anybody", (_name, state) => {
      const ways = reachable(state, CHOICES.filter((event) => event.type !== "start" && event.type !== "submitCode" && event.type !== "confirmReset"
        && event.type !== "useDevice" && event.type !== "submitPassword" && event.type !== "visited" && event.type !== "retry" && event.type !== "renew" && event.type !== "confirmRenew"));
      expect([...ways.values()].some((one) => one.name === "hidden")).toBe(true);
    });

  it.each(ALL.filter((state) => state.name === "working").map((state) => [key(state), state] as const))(
    "leaves %s on success and on failure", (_name, state) => {
      expect(next(state, { type: "failure", kind: "server" }).name).toBe("failed");
      const ends = RESULTS.map((event) => next(state, event).name).filter((name) => name !== "working");
      expect(ends.length).toBeGreaterThan(1);
    });

  it("never hides a recovery code before it is said to be kept", () => {
    const shown: EncryptionState = { name: "showCode", code: "EsTo", kept: false };
    for (const event of [...CHOICES, ...RESULTS, ...NEEDS]) {
      expect(next(shown, event).name).toBe("showCode");
    }
  });

  it("replaces a code only after asking", () => {
    expect(next({ name: "hidden" }, { type: "renew" })).toEqual({ name: "warnRenew", unsure: false });
    expect(next({ name: "warnRenew", unsure: false }, { type: "later" }).name).toBe("hidden");
  });

  it("stops asking as soon as the account is safe", () => {
    for (const name of ["offerSetUp", "offerVerify"] as const) {
      expect(["hidden", "ready"]).toContain(next({ name }, { type: "satisfied" }).name);
    }
  });
});
