// SPDX-License-Identifier: Apache-2.0
import type { TimelineItem } from "../../core/port/timeline.ts";
import { IconButton } from "../Button/Button.tsx";
import { Menu, type MenuItem } from "../Menu/Menu.tsx";
import { useWords } from "../words.ts";
import type { MessageActions } from "./MessageRow.tsx";
import styles from "./Message.module.css";

const QUICK = ["👍", "❤️", "😄", "🎉", "👀", "✅"];

export function MessageMenu({ item, actions, active }: { readonly item: TimelineItem; readonly actions: MessageActions; readonly active: boolean }) {
  const words = useWords();
  if (!item.eventId || item.content.kind === "deleted" || item.content.kind === "state") return null;
  const readable = item.content.kind !== "unreadable";
  const reach = active ? 0 : -1;
  const items: MenuItem[] = [
    ...(readable ? [{ label: words.timeline.reply, icon: "reply" as const, run: () => actions.reply(item) }] : []),
    ...(item.canEdit ? [{ label: words.timeline.edit, icon: "edit" as const, run: () => actions.edit(item) }] : []),
    ...(item.content.kind === "text" ? [{ label: words.timeline.copyText, icon: "copy" as const, run: () => actions.copyText(item) }] : []),
    { label: words.timeline.copyLink, icon: "link", run: () => actions.copyLink(item) },
    ...(item.canDelete ? [{ label: words.timeline.remove, icon: "trash" as const, danger: true, run: () => actions.remove(item) }] : []),
  ];
  return (
    <div className={styles.tools}>
      {readable ? <IconButton icon="reply" size={18} label={words.timeline.reply} className={styles.toolReply} tabIndex={reach} onClick={() => actions.reply(item)} /> : null}
      <Menu
        label={words.timeline.actions} items={items} tabIndex={reach}
        head={readable ? (close) => (
          <div className={styles.quick} role="group" aria-label={words.timeline.react}>
            {QUICK.map((key) => (
              <button key={key} type="button" className={styles.quickButton} aria-label={`${words.timeline.react} ${key}`} onClick={() => { close(); actions.react(item, key); }}>{key}</button>
            ))}
            <IconButton icon="plus" size={18} label={words.timeline.moreEmoji} onClick={() => { close(); actions.pickReaction(item); }} />
          </div>
        ) : undefined}
      />
    </div>
  );
}
