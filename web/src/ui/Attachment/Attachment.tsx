// SPDX-License-Identifier: Apache-2.0
import { useContext, useState } from "react";
import type { ItemContent } from "../../core/port/content.ts";
import { fileSize } from "../../i18n/format.ts";
import { Button } from "../Button/Button.tsx";
import { Dialog } from "../Dialog/Dialog.tsx";
import { Icon } from "../Icon/Icon.tsx";
import { MediaContext, useFile } from "../media.ts";
import { useWords } from "../words.ts";
import styles from "./Attachment.module.css";

type Picture = Extract<ItemContent, { kind: "image" | "video" }>;
type Document = Extract<ItemContent, { kind: "audio" | "file" }>;

/** Largest box a picture takes in a conversation, in CSS pixels. */
const BOX = { width: 360, height: 320 };

/** The size reserved before the picture arrives, so that nothing moves when it does. */
export function fit(width: number, height: number): { width: number; height: number } {
  if (width <= 0 || height <= 0) return { width: 240, height: 180 };
  const scale = Math.min(1, BOX.width / width, BOX.height / height);
  return { width: Math.max(72, Math.round(width * scale)), height: Math.max(48, Math.round(height * scale)) };
}

export function PictureView({ content }: { readonly content: Picture }) {
  const words = useWords();
  const [open, setOpen] = useState(false);
  const shown = content.thumbnail ?? (content.kind === "image" ? content.media : null);
  const preview = useFile(shown);
  const size = fit(content.width, content.height);
  const label = content.kind === "image" ? words.timeline.openImage(content.media.name) : words.timeline.play(content.media.name);
  return (
    <>
      <button
        type="button" className={styles.picture} aria-label={label} onClick={() => setOpen(true)}
        style={{ width: size.width, aspectRatio: `${size.width} / ${size.height}` }}
      >
        {preview.state === "ready" ? <img src={preview.url} alt="" draggable={false} /> : null}
        {preview.state === "failed" ? <span className={styles.missing}>{words.timeline.mediaFailed}</span> : null}
        {content.kind === "video" ? <span className={styles.play}><Icon name="play" size={28} /></span> : null}
      </button>
      {open ? <Viewer content={content} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function Viewer({ content, onClose }: { readonly content: Picture; readonly onClose: () => void }) {
  const words = useWords();
  const media = useContext(MediaContext);
  const file = useFile(content.media);
  const [unplayable, setUnplayable] = useState(false);
  return (
    <Dialog title={content.media.name} size="full" onClose={onClose}>
      <div className={styles.viewer}>
        {file.state === "loading" ? <p role="status">{words.app.loading}</p> : null}
        {file.state === "failed" ? <p role="alert">{words.timeline.mediaFailed}</p> : null}
        {file.state === "ready" && content.kind === "image" ? <img src={file.url} alt={content.caption || content.media.name} /> : null}
        {file.state === "ready" && content.kind === "video" && !unplayable ? <video src={file.url} controls autoPlay playsInline aria-label={content.media.name} onError={() => setUnplayable(true)} /> : null}
        {unplayable ? <p role="alert">{words.timeline.unplayable}</p> : null}
      </div>
      <div className={styles.viewerFoot}>
        <span>{content.caption}</span>
        <Button icon="download" onClick={() => void media.save(content.media)}>{words.timeline.download(content.media.name)}</Button>
      </div>
    </Dialog>
  );
}

/** A name and its ending, which is never cut off: it says what will open. */
export function nameParts(name: string): readonly [string, string] {
  const dot = name.lastIndexOf(".");
  return dot > 0 && name.length - dot <= 6 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
}

export function DocumentView({ content, sending }: { readonly content: Document; readonly sending: boolean }) {
  const words = useWords();
  const media = useContext(MediaContext);
  const [failed, setFailed] = useState(false);
  const { name, size } = content.media;
  const [stem, ending] = nameParts(name);
  const body = (
    <>
      <span className={styles.fileIcon}><Icon name="file" size={22} /></span>
      <span className={styles.fileText}>
        <span className={styles.fileName}><span className={styles.fileStem}>{stem}</span><span className={styles.fileEnding}>{ending}</span></span>
        <span className={styles.fileSize}>{failed ? words.timeline.mediaFailed : fileSize(size)}</span>
      </span>
    </>
  );
  if (sending) return <div className={styles.file}>{body}</div>;
  return (
    <>
      <button
        type="button" className={styles.file} aria-label={words.timeline.download(name)}
        onClick={() => { setFailed(false); media.save(content.media).catch(() => setFailed(true)); }}
      >
        {body}
        <Icon name="download" />
      </button>
      {content.kind === "audio" ? <Player content={content} /> : null}
    </>
  );
}

function Player({ content }: { readonly content: Document }) {
  const words = useWords();
  const [wanted, setWanted] = useState(false);
  const file = useFile(wanted ? content.media : null);
  if (!wanted) return <Button icon="play" onClick={() => setWanted(true)}>{words.timeline.play(content.media.name)}</Button>;
  return file.state === "ready" ? <audio src={file.url} controls autoPlay className={styles.audio} /> : <p role="status">{words.app.loading}</p>;
}
