// SPDX-License-Identifier: Apache-2.0
import { memo, useState } from "react";
import type { TimelineItem } from "../../core/port/timeline.ts";
import { time } from "../../i18n/format.ts";
import type { Messages } from "../../i18n/index.ts";
import { useWords } from "../words.ts";
import styles from "./Timeline.module.css";

/** Changes shown one by one up to this many; more are folded behind one line. */
const SHOWN = 3;

export function describeChange(item: TimelineItem, words: Messages): string {
  if (item.content.kind !== "state") return "";
  const { change } = item.content;
  const by = item.sender.name;
  switch (change.change) {
    case "joined": case "left": case "declined": return words.state[change.change](change.targetName);
    case "invited": case "removed": case "banned": case "unbanned": case "withdrawn":
      return words.state[change.change](by, change.targetName);
    case "renamedSelf": return words.state.renamedSelf(change.from, change.to);
    case "name": case "topic": return words.state[change.change](by, change.value);
    case "access": return change.open ? words.state.accessOpen(by) : words.state.accessClosed(by);
    default: return words.state[change.change](by);
  }
}

export const ChangesRow = memo(function ChangesRow({ items }: { readonly items: readonly TimelineItem[] }) {
  const words = useWords();
  const [open, setOpen] = useState(false);
  const folded = items.length > SHOWN && !open;
  return (
    <div className={styles.changes}>
      {items.length > SHOWN ? (
        <button type="button" className={styles.fold} aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? words.state.hideGroup : words.state.group(items.length)}
        </button>
      ) : null}
      {folded ? null : items.map((item) => (
        <p key={item.id} data-event={item.eventId ?? undefined}>{describeChange(item, words)} <span className={styles.changeTime}>{time(item.at)}</span></p>
      ))}
    </div>
  );
});
