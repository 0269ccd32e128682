// SPDX-License-Identifier: Apache-2.0
/** The emoji of the current language, fetched from our own server on first use. */
import { type Language, language } from "../i18n/index.ts";
import type { Emoji } from "../viewmodels/suggestions.ts";

interface Compact {
  readonly label: string;
  readonly unicode: string;
  readonly tags?: readonly string[];
  readonly group?: number;
  readonly order?: number;
}

const loaded = new Map<Language, Promise<readonly Emoji[]>>();

const SOURCES: Readonly<Record<Language, () => Promise<{ default: unknown }>>> = {
  fr: () => import("emojibase-data/fr/compact.json"),
  en: () => import("emojibase-data/en/compact.json"),
};

export function loadEmoji(): Promise<readonly Emoji[]> {
  const now = language.get();
  let list = loaded.get(now);
  if (!list) {
    list = SOURCES[now]().then(({ default: data }) => (data as readonly Compact[])
      // Group 2 holds skin tones and hair, which mean nothing alone.
      .filter((one) => one.group !== undefined && one.group !== 2)
      .sort((a, b) => (a.order ?? 0) - (b.order ?? 0))
      .map((one) => ({ symbol: one.unicode, label: one.label, tags: one.tags ?? [], group: one.group ?? 0 })));
    list.catch(() => loaded.delete(now));
    loaded.set(now, list);
  }
  return list;
}
