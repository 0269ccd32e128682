// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef } from "react";

interface Shortcuts {
  readonly switcher: () => void;
  readonly next: (step: 1 | -1, unreadOnly: boolean) => void;
}

/** Ctrl + K: go to; Alt + arrows: next conversation, with Shift the next unread one. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  latest.current = shortcuts;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k") latest.current.switcher();
      else if (event.altKey && event.key === "ArrowDown") latest.current.next(1, event.shiftKey);
      else if (event.altKey && event.key === "ArrowUp") latest.current.next(-1, event.shiftKey);
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
