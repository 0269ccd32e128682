// SPDX-License-Identifier: Apache-2.0
import { useSyncExternalStore } from "react";
import { language, messages, type Messages } from "../i18n/index.ts";

/** The words of the current language; the view draws again when it changes. */
export function useWords(): Messages {
  useSyncExternalStore(language.subscribe, language.get);
  return messages();
}
