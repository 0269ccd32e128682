// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { decodeRecoveryKey, encodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api";
import { expect, test } from "vitest";
import { faultOf } from "./recovery-code.ts";

const code = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => encodeRecoveryKey(bytes) ?? "");

/** What the SDK makes of it. */
function decodes(typed: string): boolean {
  try {
    return decodeRecoveryKey(typed).length > 0;
  } catch {
    return false;
  }
}

test("a whole code that is refused is another one; with a letter off it is a slip, as its parity tells", () => {
  fc.assert(fc.property(code, fc.nat(47), (whole, at) => {
    expect(faultOf(whole)).toEqual({ kind: "other" });
    const letters = whole.replace(/ /g, "");
    const changed = letters.slice(0, at) + (letters.charAt(at) === "2" ? "3" : "2") + letters.slice(at + 1);
    expect(faultOf(changed)).toEqual({ kind: decodes(changed) ? "other" : "slip" });
  }));
});

test("letters that no code has are found in their groups, and a code that is cut is said to be", () => {
  fc.assert(fc.property(code, (whole) => {
    expect(faultOf(whole.slice(0, -4))).toEqual({ kind: "length", excess: -4 });
    expect(faultOf(`${whole}A`)).toEqual({ kind: "length", excess: 1 });
  }));
  expect(faultOf("EsTO u4aL 0rxL r9cA")).toEqual({ kind: "letters", groups: [1, 3] });
});
