// SPDX-License-Identifier: Apache-2.0
/** The current language and its words. Changing it tells the listeners; the page draws again. */
import { Cell } from "../core/port/observable.ts";
import { en } from "./en.ts";
import { fr, type Messages } from "./fr.ts";

export type { Messages };
export type Language = "fr" | "en";

/** Each language in its own words. */
export const AUTONYMS: Readonly<Record<Language, string>> = { fr: "Français", en: "English" };

const CATALOGUES: Readonly<Record<Language, Messages>> = { fr, en };

/** French unless the person's browser prefers English. */
export function preferredLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    if (tag.startsWith("fr")) return "fr";
    if (tag.startsWith("en")) return "en";
  }
  return "fr";
}

export const language = new Cell<Language>("fr");

export function messages(): Messages {
  return CATALOGUES[language.get()];
}
