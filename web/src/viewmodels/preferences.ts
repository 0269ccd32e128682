// SPDX-License-Identifier: Apache-2.0
/** What this browser remembers about how the person likes things. */
import { type Language, language, preferredLanguage } from "../i18n/index.ts";
import { ViewModel, type KeyValue } from "./base.ts";

export const THEMES = ["system", "light", "dark", "contrastLight", "contrastDark"] as const;
export type Theme = (typeof THEMES)[number];

export interface Preferences {
  readonly theme: Theme;
  readonly language: Language;
  readonly desktopNotifications: boolean;
  readonly sound: boolean;
  readonly showText: boolean;
}

const KEY = "preferences";

export class PreferencesViewModel extends ViewModel<Preferences> {
  readonly #memory: KeyValue;

  constructor(memory: KeyValue, browserLanguages: readonly string[]) {
    const defaults: Preferences = {
      theme: "system", language: preferredLanguage(browserLanguages), desktopNotifications: false,
      sound: true, showText: true,
    };
    super({ ...defaults, ...stored(memory) });
    this.#memory = memory;
    language.set(this.get().language);
  }

  set = (change: Partial<Preferences>): void => {
    this.merge(change);
    language.set(this.get().language);
    this.#memory.write(KEY, JSON.stringify(this.get()));
  };
}

function stored(memory: KeyValue): Partial<Preferences> {
  try {
    const value = JSON.parse(memory.read(KEY) ?? "{}") as Partial<Preferences>;
    const known = typeof value === "object" && value !== null ? value : {};
    return known.theme && !THEMES.includes(known.theme) ? { ...known, theme: "system" } : known;
  } catch {
    return {};
  }
}
