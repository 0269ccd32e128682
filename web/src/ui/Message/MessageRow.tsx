// SPDX-License-Identifier: Apache-2.0
import { type KeyboardEvent, memo, useContext } from "react";
import type { UnreadableReason } from "../../core/port/content.ts";
import type { TimelineItem } from "../../core/port/timeline.ts";
import { fullDate, list, time } from "../../i18n/format.ts";
import { isHeld } from "../../viewmodels/failure.ts";
import { DocumentView, PictureView } from "../Attachment/Attachment.tsx";
import { Avatar } from "../Avatar/Avatar.tsx";
import { Button } from "../Button/Button.tsx";
import { Icon } from "../Icon/Icon.tsx";
import { Rich, RichContext } from "../Rich/Rich.tsx";
import { useWords } from "../words.ts";
import { MessageMenu } from "./MessageMenu.tsx";
import { MessageStatus } from "./MessageStatus.tsx";
import styles from "./Message.module.css";

/** What can be done to a message from its row. */
export interface MessageActions {
  readonly reply: (item: TimelineItem) => void;
  readonly edit: (item: TimelineItem) => void;
  readonly remove: (item: TimelineItem) => void;
  readonly react: (item: TimelineItem, key: string) => void;
  readonly pickReaction: (item: TimelineItem) => void;
  readonly retry: (item: TimelineItem) => void;
  readonly cancel: (item: TimelineItem) => void;
  readonly copyText: (item: TimelineItem) => void;
  readonly copyLink: (item: TimelineItem) => void;
  readonly openEvent: (eventId: string) => void;
  readonly attend: (reason: UnreadableReason) => void;
}

interface Props {
  readonly item: TimelineItem;
  readonly first: boolean;
  readonly last: boolean;
  readonly active: boolean;
  readonly highlighted: boolean;
  readonly direct: boolean;
  readonly actions: MessageActions;
  readonly onMove: (from: string, step: 1 | -1) => void;
  readonly onActivate: (id: string) => void;
}

export const MessageRow = memo(function MessageRow({ item, first, last, active, highlighted, direct, actions, onMove, onActivate }: Props) {
  const words = useWords();
  const { onPerson } = useContext(RichContext);
  const name = item.mine ? words.timeline.me : item.sender.name;
  const onKey = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      onMove(item.id, event.key === "ArrowUp" ? -1 : 1);
    }
    if (event.key === "r" && item.eventId) { event.preventDefault(); actions.reply(item); }
    if (event.key === "e" && item.canEdit) { event.preventDefault(); actions.edit(item); }
  };
  return (
    <article
      className={styles.row} data-mine={item.mine || undefined} data-first={first || undefined} data-last={last || undefined}
      data-highlighted={highlighted || undefined} data-item={item.id} data-event={item.eventId ?? undefined}
      aria-label={words.timeline.at(name, fullDate(item.at))} tabIndex={active ? 0 : -1} onKeyDown={onKey}
      onFocus={() => onActivate(item.id)}
    >
      {!item.mine && !direct ? (
        <div className={styles.gutter}>{first ? <Avatar id={item.sender.id} name={item.sender.name} mxc={item.sender.avatar} size={32} /> : null}</div>
      ) : null}
      <div className={styles.column}>
        {first && !item.mine && !direct ? (
          <button type="button" className={styles.sender} tabIndex={-1} onClick={() => onPerson(item.sender.id)}>{item.sender.name}</button>
        ) : null}
        <div className={styles.line}>
          <div className={styles.bubble} data-kind={item.content.kind} data-bare={isBare(item) || undefined} data-flow={isFlowing(item) || undefined} data-mentioned={item.mentionsMe || undefined}>
            {item.reply ? (
              <button type="button" className={styles.quote} onClick={() => actions.openEvent(item.reply?.eventId ?? "")}>
                <span className="sr">{words.timeline.replyTo(item.reply.senderName)}</span>
                <span className={styles.quoteName} aria-hidden="true">{item.reply.senderName}</span>
                <span className={styles.quoteText}>{item.reply.text ?? words.timeline.quoteGone}</span>
              </button>
            ) : null}
            <Body item={item} actions={actions} />
            <span className={styles.meta}>
              {item.mentionsMe ? <span className="sr">{words.timeline.mention}</span> : null}
              {item.shield ? <span className={styles.shield} title={words.timeline.shield[item.shield]}><Icon name="unlock" size={13} /><span className="sr">{words.timeline.shield[item.shield]}</span></span> : null}
              {item.edited ? <span>{words.timeline.edited}</span> : null}
              <time dateTime={new Date(item.at).toISOString()} title={fullDate(item.at)}>{time(item.at)}</time>
              <MessageStatus item={item} />
            </span>
          </div>
          <MessageMenu item={item} actions={actions} active={active} />
        </div>
        {item.send?.phase === "failed" ? (
          <div className={styles.failed} role="alert">
            <span>{words.timeline.failedWhy(words.failure[item.send.reason as keyof typeof words.failure] ?? words.failure.internal)}{isHeld(item.send.reason) ? ` ${words.timeline.held}` : ""}</span>
            {item.send.reason === "unconfirmed" ? (
              <Button look="quiet" icon="device" onClick={() => actions.attend("deviceNotVerified")}>{words.encryption.action.verify}</Button>
            ) : <Button look="quiet" icon="retry" onClick={() => actions.retry(item)}>{words.timeline.retry}</Button>}
            <Button look="quiet" onClick={() => actions.cancel(item)}>{words.timeline.cancelSend}</Button>
          </div>
        ) : null}
        {item.send?.phase === "queued" || item.send?.phase === "uploading" ? (
          <Button look="quiet" className={styles.small} onClick={() => actions.cancel(item)}>{words.timeline.cancelSend}</Button>
        ) : null}
        {item.reactions.length > 0 ? <Reactions item={item} actions={actions} /> : null}
        {item.readers.length > 0 ? <Readers item={item} /> : null}
      </div>
    </article>
  );
});

const isBare = (item: TimelineItem): boolean =>
  (item.content.kind === "text" && item.content.bigEmoji && !item.reply)
  || ((item.content.kind === "image" || item.content.kind === "video") && item.content.caption === "" && !item.reply);

const BLOCKS: ReadonlySet<string> = new Set(["p", "div", "ul", "ol", "pre", "blockquote", "table", "hr", "details", "h1", "h2", "h3", "h4", "h5", "h6"]);

/** Words and nothing else: the hour may follow on their last line. */
export const isFlowing = (item: TimelineItem): boolean =>
  item.content.kind === "deleted"
  || (item.content.kind === "text" && !item.content.bigEmoji && item.content.rich.every((node) => typeof node === "string" || !BLOCKS.has(node.tag)));

function Body({ item, actions }: { readonly item: TimelineItem; readonly actions: MessageActions }) {
  const words = useWords();
  const { content } = item;
  switch (content.kind) {
    case "text":
      return (
        <div className={styles.text} data-big={content.bigEmoji || undefined} data-style={content.style}>
          {content.style === "emote" ? <em>{item.sender.name} </em> : null}
          <Rich nodes={content.rich} />
        </div>
      );
    case "image": case "video":
      return <><PictureView content={content} />{content.caption ? <div className={styles.text}>{content.caption}</div> : null}</>;
    case "audio": case "file":
      return <><DocumentView content={content} sending={item.send !== null} />{content.caption ? <div className={styles.text}>{content.caption}</div> : null}</>;
    case "deleted":
      return <div className={styles.gone}>{content.bySender ? words.timeline.deletedSelf : words.timeline.deletedOther}</div>;
    case "unreadable": return <Unreadable reason={content.reason} onAttend={actions.attend} />;
    case "unsupported":
      return <div className={styles.gone}>{content.type === "poll" ? words.timeline.poll : content.fallback || words.timeline.unsupported}</div>;
    default: return null;
  }
}

const VERIFY_HELPS: ReadonlySet<UnreadableReason> = new Set(["deviceNotVerified", "withheldUnverified", "beforeThisDevice"]);

/** What the person can do so that messages become readable, where there is something. */
export function UnreadableAction({ reason, onAttend }: { readonly reason: UnreadableReason; readonly onAttend: (reason: UnreadableReason) => void }) {
  const words = useWords().encryption.action;
  if (!VERIFY_HELPS.has(reason) && reason !== "backupMissing") return null;
  return <Button onClick={() => onAttend(reason)}>{reason === "backupMissing" ? words.import : words.verify}</Button>;
}

function Unreadable({ reason, onAttend }: { readonly reason: UnreadableReason; readonly onAttend: (reason: UnreadableReason) => void }) {
  const words = useWords();
  const { text, help } = words.encryption.unreadable[reason];
  return (
    <details className={styles.unreadable}>
      <summary><Icon name={reason === "waiting" ? "clock" : "lock"} size={16} /> {text} <span className={styles.why}>{words.encryption.action.why}</span></summary>
      <p>{help}</p>
      <UnreadableAction reason={reason} onAttend={onAttend} />
    </details>
  );
}

function Reactions({ item, actions }: { readonly item: TimelineItem; readonly actions: MessageActions }) {
  const words = useWords();
  return (
    <div className={styles.reactions}>
      {item.reactions.map((reaction) => (
        <button
          key={reaction.key} type="button" className={styles.reaction} aria-pressed={reaction.mine}
          title={list(reaction.names)} aria-label={words.timeline.reactionBy(reaction.key, list(reaction.names))}
          onClick={() => actions.react(item, reaction.key)}
        >
          <span>{reaction.key}</span> <span>{reaction.count}</span>
        </button>
      ))}
    </div>
  );
}

const READERS_SHOWN = 5;

function Readers({ item }: { readonly item: TimelineItem }) {
  const words = useWords();
  const names = words.timeline.readBy(list(item.readers.map((reader) => reader.name)));
  return (
    <div className={styles.readers} title={names}>
      <span className="sr">{names}</span>
      {item.readers.slice(0, READERS_SHOWN).map((reader) => <Avatar key={reader.id} id={reader.id} name={reader.name} mxc={reader.avatar} size={16} />)}
      {item.readers.length > READERS_SHOWN ? <span aria-hidden="true">+{item.readers.length - READERS_SHOWN}</span> : null}
    </div>
  );
}
