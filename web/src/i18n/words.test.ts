// SPDX-License-Identifier: Apache-2.0
/** Every word in both languages, in the house's typography, without jargon; and no word in a view. */
import { describe, expect, it } from "vitest";
import { en } from "./en.ts";
import { fr } from "./fr.ts";

type Leaf = readonly [path: string, said: readonly string[]];

/** Calls a word that takes arguments with one and with many of whatever it takes. */
function saidBy(word: (...args: unknown[]) => unknown): readonly string[] {
  const tries: readonly unknown[][] = [["x", "y", "z"], [1, 1, 1], [3, 5, 7], [[1, 2], [1, 2], [1, 2]]];
  return tries.flatMap((args) => {
    try {
      const said = word(...args);
      return typeof said === "string" ? [said] : [];
    } catch {
      return [];
    }
  });
}

function leaves(words: object, path = ""): readonly Leaf[] {
  return Object.entries(words).flatMap(([key, value]: [string, unknown]): readonly Leaf[] => {
    const at = path ? `${path}.${key}` : key;
    if (typeof value === "string") return [[at, [value]]];
    if (typeof value === "function") return [[at, saidBy(value as never)]];
    return leaves(value as object, at);
  });
}

const FRENCH = leaves(fr);
const ENGLISH = leaves(en);

/** The same in both languages by right. */
const SAME = /^(app\.name|rooms\.(title|invitations|image|invited)|emoji\.|room\.(admin|notifications|topic)|composer\.suggestions|settings\.(notifications|session|themes|recovery)|people\.fate\.person|timeline\.(at|reactionBy)|encryption\.banner)/;

describe("words", () => {
  it("are the same set in both languages", () => {
    expect(ENGLISH.map(([path]) => path).sort()).toEqual(FRENCH.map(([path]) => path).sort());
  });

  it.each([["French", FRENCH], ["English", ENGLISH]] as const)("say something everywhere in %s", (_name, all) => {
    const silent = all.filter(([, said]) => said.length === 0 || said[0]?.trim() === "" || said.some((text) => /undefined|NaN|\[object/.test(text)));
    expect(silent).toEqual([]);
  });

  it("are translated", () => {
    const english = new Map(ENGLISH);
    const same = FRENCH.filter(([path, said]) => !SAME.test(path) && said[0] === english.get(path)?.[0] && /\p{L}{4}/u.test(said[0] ?? "")).map(([path]) => path);
    expect(same).toEqual([]);
  });

  it("never let a line begin with a French punctuation mark", () => {
    // Espace fine insécable before ; ! ? and %, espace insécable before : and inside « ».
    const loose = FRENCH.flatMap(([path, said]) => said.filter((text) => / [?!;:%»]|« |\p{L}[?!;]|\p{L}:(?!\/\/|\S)/u.test(text)).map((text) => `${path}: ${text}`));
    expect(loose).toEqual([]);
  });

  it("use the apostrophe and the ellipsis of print", () => {
    const typed = [...FRENCH, ...ENGLISH].flatMap(([path, said]) => said.filter((text) => /\p{L}'\p{L}|\.\.\./u.test(text)).map((text) => `${path}: ${text}`));
    expect(typed).toEqual([]);
  });

  it("have one name for the recovery code, and no jargon", () => {
    const wrong = [...FRENCH, ...ENGLISH].flatMap(([path, said]) => said
      .filter((text) => /\bcl[ée]s?\b|\bphrases?\b|(?<!Ctrl \+ )\bkeys?\b|passphrase|code de (vérification|sécurité)|security code|verification code|cross-signing|signature croisée|\b(SAS|megolm|olm|homeserver|serveur d’accueil|MXID|device ID)\b/i.test(text))
      .map((text) => `${path}: ${text}`));
    expect(wrong).toEqual([]);
  });
});

describe("views", () => {
  const all = import.meta.glob<string>("../{ui,app}/**/*.tsx", { query: "?raw", import: "default", eager: true });
  const views = Object.entries(all).filter(([name]) => !/\.(test|stories)\.tsx$/.test(name));

  it("are found", () => expect(views.length).toBeGreaterThan(30));

  it.each(views)("%s says no word of its own", (_name, text) => {
    expect(hardCoded(text)).toEqual([]);
  });

  it("would be caught", () => {
    expect(hardCoded('<p className="x">Bonjour à tous</p>')).toEqual(["Bonjour à tous"]);
    expect(hardCoded('<Button label="Envoyer" />')).toEqual(["Envoyer"]);
    expect(hardCoded('<img alt={"Une photo"} />')).toEqual(["Une photo"]);
    expect(hardCoded("<p>{open ? words.a : words.b} <b>{count}</b></p>")).toEqual([]);
    expect(hardCoded("const a = (x: Map<string, Foo>): Promise<void> => undefined;")).toEqual([]);
  });
});

/** Words between tags, and in the attributes that are read aloud or shown. */
function hardCoded(text: string): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const between = [...code.matchAll(/<\/?(?:[a-z][a-z0-9]*|[A-Z]\w*)(?:\s[^<>]*?)?\/?>\s*(\p{L}[^<>{}]*?)\s*<\//gu)].map((match) => match[1] ?? "");
  const attributes = [...code.matchAll(/\b(?:label|title|alt|placeholder|text|help|action|aria-label|aria-description)=(?:"([^"]+)"|\{\s*["'`]([^"'`$]+)["'`]\s*\})/g)].map((match) => match[1] ?? match[2] ?? "");
  return [...between, ...attributes].filter((found) => /\p{L}{2}/u.test(found));
}
