// SPDX-License-Identifier: Apache-2.0
import type { Person } from "../../core/port/timeline.ts";
import type { OtherAccount, OtherAccountsSnapshot } from "../../viewmodels/other-accounts.ts";
import { Avatar } from "../Avatar/Avatar.tsx";
import { Menu } from "../Menu/Menu.tsx";
import { useWords } from "../words.ts";
import styles from "./Accounts.module.css";

export interface AccountMenuProps {
  readonly me: Person;
  readonly others: OtherAccountsSnapshot;
  readonly onSwitch: (key: string) => void;
  readonly onAdd: () => void;
}

/** Whoever has one account alone needs no menu for it. */
export function AccountMenu({ me, others, onSwitch, onAdd }: AccountMenuProps) {
  const words = useWords();
  const w = words.accounts;
  if (others.accounts.length === 0) return null;
  const news = others.unread > 0 ? `, ${w.news(others.unread)}` : "";
  return (
    <Menu
      label={`${w.menu(me.name)}${news}`} className={styles.button}
      face={<>
        <Avatar id={me.id} name={me.name} mxc={me.avatar} size={28} />
        {others.unread > 0 ? <span className={styles.badge} data-mention={others.mentioned || undefined} aria-hidden="true">{shortCount(others.unread)}</span> : null}
      </>}
      head={() => (
        <p className={styles.present}><Avatar id={me.id} name={me.name} mxc={me.avatar} size={36} /><span className={styles.lines}><strong>{me.name}</strong> <span className={styles.id}>{me.id}</span></span></p>
      )}
      items={[
        ...others.accounts.map((one) => ({
          key: one.account.key, label: one.name, detail: detailOf(one, w.closed), run: () => onSwitch(one.account.key),
          ...(one.unread > 0 ? { count: { short: shortCount(one.unread), said: w.news(one.unread) } } : {}),
        })),
        { label: words.settings.addAccount, icon: "plus" as const, run: onAdd },
      ]}
    />
  );
}

const shortCount = (count: number): string => (count > 99 ? "99+" : String(count));

const detailOf = ({ account, phase }: OtherAccount, closed: string): string => (phase === "closed" ? `${account.userId} · ${closed}` : account.userId);
