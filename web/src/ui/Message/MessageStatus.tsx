// SPDX-License-Identifier: Apache-2.0
import type { TimelineItem } from "../../core/port/timeline.ts";
import { Icon } from "../Icon/Icon.tsx";
import { useWords } from "../words.ts";
import styles from "./Message.module.css";

/** The little sign after the hour of one's own message. */
export function MessageStatus({ item }: { readonly item: TimelineItem }) {
  const words = useWords();
  const { send } = item;
  if (!send) return item.mine ? <span className={styles.sign} title={words.timeline.sent}><Icon name="check" size={13} /><span className="sr">{words.timeline.sent}</span></span> : null;
  switch (send.phase) {
    case "uploading": {
      const percent = Math.round(send.fraction * 100);
      return (
        <span className={styles.progress}>
          <progress value={percent} max={100} aria-label={words.timeline.uploading(percent)} /> {percent} %
        </span>
      );
    }
    case "queued": return <Sign icon="clock" text={words.timeline.queued} />;
    case "sending": return <Sign icon="clock" text={words.timeline.sending} />;
    case "sent": return <Sign icon="check" text={words.timeline.sent} />;
    case "failed": return <Sign icon="warn" text={words.timeline.failed} />;
  }
}

function Sign({ icon, text }: { readonly icon: "clock" | "check" | "warn"; readonly text: string }) {
  return <span className={styles.sign} title={text}><Icon name={icon} size={13} /><span className="sr">{text}</span></span>;
}
