// SPDX-License-Identifier: Apache-2.0
/** Finding a name the way people type: no accents, no case, words in any order. */

export function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Higher is better; 0 means no match. Every word typed must start or be within a word. */
export function score(name: string, query: string): number {
  const words = fold(query).split(/\s+/).filter(Boolean);
  if (words.length === 0) return 1;
  const folded = fold(name);
  let total = 0;
  for (const word of words) {
    const at = folded.indexOf(word);
    if (at < 0) return 0;
    const startsWord = at === 0 || /[\s\-_.,'’(@#]/.test(folded.charAt(at - 1));
    total += at === 0 ? 4 : startsWord ? 3 : 1;
  }
  return total;
}
