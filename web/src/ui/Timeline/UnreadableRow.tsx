// SPDX-License-Identifier: Apache-2.0
import { memo } from "react";
import type { UnreadableReason } from "../../core/port/content.ts";
import type { FoldedReason } from "../../viewmodels/rows.ts";
import { Icon } from "../Icon/Icon.tsx";
import { UnreadableAction } from "../Message/MessageRow.tsx";
import { useWords } from "../words.ts";
import styles from "./Timeline.module.css";

interface Props {
  readonly id: string;
  readonly reason: FoldedReason;
  readonly count: number;
  readonly open: boolean;
  readonly onToggle: (rowId: string) => void;
  readonly onAttend: (reason: UnreadableReason) => void;
}

/** Messages in a row that cannot be read, in one line; opened, it explains, and they follow. */
export const UnreadableRow = memo(function UnreadableRow({ id, reason, count, open, onToggle, onAttend }: Props) {
  const words = useWords().encryption;
  return (
    <div className={styles.unreadable}>
      <button type="button" className={styles.fold} aria-expanded={open} onClick={() => onToggle(id)}>
        <Icon name="lock" size={15} /> {words.unreadableMany[reason](count)}
      </button>
      {open ? <>
        <p>{words.unreadable[reason].help}</p>
        <UnreadableAction reason={reason} onAttend={onAttend} />
      </> : null}
    </div>
  );
});
