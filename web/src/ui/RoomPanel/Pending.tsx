// SPDX-License-Identifier: Apache-2.0
import type { PendingInvite } from "../../core/port/invites.ts";
import { longDate } from "../../i18n/format.ts";
import { Icon } from "../Icon/Icon.tsx";
import { Menu, type MenuItem } from "../Menu/Menu.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";
import type { RoomPanelProps } from "./RoomPanelView.tsx";
import styles from "./RoomPanel.module.css";

/** Invitations by mail that nobody has used yet. */
export function Pending({ state, actions }: Pick<RoomPanelProps, "state" | "actions">) {
  const words = useWords();
  const w = words.people;
  const { pending } = state.details;
  const itemsOf = (one: PendingInvite): readonly MenuItem[] => (state.mayInvite ? [
    ...(one.address !== null ? [{ label: w.again, icon: "mail" as const, run: () => void actions.inviteAgain(one) }] : []),
    { label: w.withdraw, icon: "close", danger: true, run: () => void actions.withdraw(one) },
  ] : []);
  return (
    <>
      {state.sentAgain ? <Notice tone="ok">{w.sentAgain(state.sentAgain)}</Notice> : null}
      {pending.length > 0 ? (
        <section aria-label={w.pending}>
          <h3>{w.pending}</h3>
          {pending.map((one) => (
            <div key={one.token} className={styles.member} data-pending>
              <span className={styles.letter}><Icon name="mail" size={18} /></span>
              <span className={styles.memberText}>
                <span className={styles.memberName}>{one.label}</span>
                <span className={styles.soft}>{w.pendingBy(one.by.name, longDate(one.at))}</span>
              </span>
              {state.mayInvite ? <Menu label={w.pendingActions(one.label)} items={itemsOf(one)} /> : null}
            </div>
          ))}
        </section>
      ) : null}
    </>
  );
}
