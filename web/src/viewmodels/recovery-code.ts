// SPDX-License-Identifier: Apache-2.0
/**
 * What can be said of a mistyped recovery code without the server (client-server API, "Recovery
 * key": base58 of 0x8B 0x01, 32 bytes and a parity byte). Nothing here says what is right.
 */

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/** Letters of a code without its spaces. */
const LENGTH = 48;
const GROUP = 4;

export type CodeFault =
  /** Letters that no code has, in these groups, counted from 1. */
  | { readonly kind: "letters"; readonly groups: readonly number[] }
  /** Too many letters, or when negative too few. */
  | { readonly kind: "length"; readonly excess: number }
  /** At least one letter is another than it should be. */
  | { readonly kind: "slip" }
  /** It is a code, of another account or from before. */
  | { readonly kind: "other" };

export function faultOf(typed: string): CodeFault {
  const letters = typed.replace(/\s+/g, "");
  const groups = new Set<number>();
  for (let at = 0; at < letters.length; at += 1) {
    if (!ALPHABET.includes(letters.charAt(at))) groups.add(Math.floor(at / GROUP) + 1);
  }
  if (groups.size > 0) return { kind: "letters", groups: [...groups] };
  if (letters.length !== LENGTH) return { kind: "length", excess: letters.length - LENGTH };
  return isWhole(letters) ? { kind: "other" } : { kind: "slip" };
}

function isWhole(letters: string): boolean {
  let value = 0n;
  for (const letter of letters) value = value * 58n + BigInt(ALPHABET.indexOf(letter));
  const bytes: number[] = [];
  for (let rest = value; rest > 0n; rest >>= 8n) bytes.unshift(Number(rest & 0xffn));
  return bytes.length === 35 && bytes[0] === 0x8b && bytes[1] === 0x01 && bytes.reduce((sum, byte) => sum ^ byte, 0) === 0;
}
