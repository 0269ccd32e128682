// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applySuggestion, findTrigger, searchEmoji, suggestMembers } from "./suggestions.ts";

const member = (id: string, name: string) => ({ id, name, avatar: null, membership: "join" as const, power: 0, role: "member" as const, guest: false });

describe("suggestions", () => {
  it("complete the word at the caret and nothing else", () => {
    expect(findTrigger("Bonjour @jea", 12)).toEqual({ kind: "mention", from: 8, to: 12, query: "jea" });
    expect(findTrigger("Bonjour @Jean Mar", 17)?.query).toBe("Jean Mar");
    expect(findTrigger("camille@interieur.gouv.fr", 25)).toBeNull();
    expect(findTrigger("il est 10:30", 12)).toBeNull();
    expect(findTrigger(":cœ", 3)).toEqual({ kind: "emoji", from: 0, to: 3, query: "cœ" });
  });

  it("replace exactly what was typed", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (before, after) => {
      const text = `${before} @je${after}`;
      const caret = before.length + 4;
      const trigger = findTrigger(text, caret);
      if (!trigger) return;
      const done = applySuggestion(text, trigger, { kind: "person", userId: "@j:x", name: "Jean Martin", avatar: null });
      expect(done.text).toBe(`${text.slice(0, trigger.from)}@Jean Martin ${after}`);
      expect(done.text.slice(0, done.caret).endsWith("@Jean Martin ")).toBe(true);
    }));
  });

  it("find people without accents, by any word of the name", () => {
    const people = [member("@a:x", "Émile Lefèvre"), member("@b:x", "Lea Émilien"), member("@c:x", "Paul Durand")];
    expect(suggestMembers(people, "emile").map((one) => one.kind === "person" && one.userId)).toEqual(["@a:x"]);
    expect(suggestMembers(people, "lefevre").length).toBe(1);
    expect(suggestMembers(people, "zzz")).toEqual([]);
  });

  it("find emoji by label or tag", () => {
    const all = [{ symbol: "❤️", label: "cœur rouge", tags: ["amour"], group: 0 }, { symbol: "👍", label: "pouce vers le haut", tags: ["ok"], group: 0 }];
    expect(searchEmoji(all, "amour", 5).map((one) => one.symbol)).toEqual(["❤️"]);
    expect(searchEmoji(all, "pouce", 5).map((one) => one.symbol)).toEqual(["👍"]);
  });
});
