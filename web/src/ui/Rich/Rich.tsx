// SPDX-License-Identifier: Apache-2.0
import { createElement, createContext, Fragment, type ReactNode, useContext, useState } from "react";
import type { RichNode } from "../../core/port/content.ts";
import { useThumbnail } from "../media.ts";
import { useWords } from "../words.ts";
import styles from "./Rich.module.css";

export interface RichLinks {
  readonly onRoom: (room: string, eventId: string | null) => void;
  readonly onPerson: (userId: string) => void;
  readonly me: string;
}

export const RichContext = createContext<RichLinks>({ onRoom: () => undefined, onPerson: () => undefined, me: "" });

/** Draws the nodes of a message. Nothing here parses HTML. */
export function Rich({ nodes }: { readonly nodes: readonly RichNode[] }) {
  return <>{nodes.map((node, index) => <Fragment key={index}>{draw(node)}</Fragment>)}</>;
}

function draw(node: RichNode): ReactNode {
  if (typeof node === "string") return node;
  switch (node.tag) {
    case "a":
      return <a href={node.href} target="_blank" rel="noopener noreferrer nofollow"><Rich nodes={node.children} /></a>;
    case "mention": return <Mention userId={node.userId}><Rich nodes={node.children} /></Mention>;
    case "room": return <RoomLink room={node.room} eventId={node.eventId}><Rich nodes={node.children} /></RoomLink>;
    case "spoiler": return <Spoiler reason={node.reason}><Rich nodes={node.children} /></Spoiler>;
    case "image": return <InlineImage mxc={node.mxc} alt={node.alt} />;
    case "br": case "hr": return createElement(node.tag);
    case "pre": return <pre tabIndex={0}><Rich nodes={node.children} /></pre>;
    case "table": return <div className={styles.table} tabIndex={0}><table><Rich nodes={node.children.filter((one) => typeof one !== "string" || one.trim() !== "")} /></table></div>;
    case "thead": case "tbody": case "tr":
      return createElement(node.tag, null, <Rich nodes={node.children.filter((one) => typeof one !== "string" || one.trim() !== "")} />);
    // Headings of a message must not disturb the outline of the page.
    case "h1": case "h2": case "h3": case "h4": case "h5": case "h6":
      return <p className={styles.heading} data-level={node.tag}><Rich nodes={node.children} /></p>;
    case "ol": return <ol start={node.start}><Rich nodes={node.children} /></ol>;
    default: return createElement(node.tag, null, <Rich nodes={node.children} />);
  }
}

function Mention({ userId, children }: { readonly userId: string; readonly children: ReactNode }) {
  const { onPerson, me } = useContext(RichContext);
  return (
    <button type="button" className={styles.mention} data-me={userId === me || undefined} title={userId} onClick={() => onPerson(userId)}>
      @<span>{children}</span>
    </button>
  );
}

function RoomLink({ room, eventId, children }: { readonly room: string; readonly eventId: string | null; readonly children: ReactNode }) {
  const { onRoom } = useContext(RichContext);
  return <button type="button" className={styles.mention} onClick={() => onRoom(room, eventId)}>{children}</button>;
}

function Spoiler({ reason, children }: { readonly reason: string; readonly children: ReactNode }) {
  const words = useWords();
  const [shown, setShown] = useState(false);
  if (shown) return <span className={styles.revealed}>{children}</span>;
  return (
    <button type="button" className={styles.spoiler} aria-label={reason ? `${reason} : ${words.timeline.spoiler}` : words.timeline.spoiler} onClick={() => setShown(true)}>
      {reason ? `(${reason}) ` : ""}<span aria-hidden="true">••••••</span>
    </button>
  );
}

function InlineImage({ mxc, alt }: { readonly mxc: string; readonly alt: string }) {
  const image = useThumbnail(mxc, 32);
  return image.state === "ready" ? <img src={image.url} alt={alt} title={alt} className={styles.inline} /> : <>{alt}</>;
}
