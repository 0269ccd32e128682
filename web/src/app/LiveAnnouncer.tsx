// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "react";
import { summaryOf } from "../core/port/plain-text.ts";
import type { TimelineItem } from "../core/port/timeline.ts";
import type { Messages } from "../i18n/index.ts";
import { useWords } from "../ui/words.ts";
import { newMessages, type Heard } from "../viewmodels/announcements.ts";
import type { Row } from "../viewmodels/rows.ts";

/** Longest text read aloud of one message, in letters. */
const MAX_READ = 300;

function said({ sender, content }: TimelineItem, words: Messages): string {
  const kind = content.kind === "image" || content.kind === "video" || content.kind === "audio" || content.kind === "file" ? `${words.rooms[content.kind]}, ` : "";
  return `${sender.name} : ${kind}${summaryOf(content).slice(0, MAX_READ)}`;
}

/** Reads new messages aloud without the list itself being a live region, which would repeat history. */
export function LiveAnnouncer({ rows, loading }: { readonly rows: readonly Row[]; readonly loading: boolean }) {
  const words = useWords();
  const heard = useRef<Heard | null>(null);
  const [text, setText] = useState("");
  useEffect(() => {
    if (loading && heard.current === null) return;
    const { heard: now, items } = newMessages(heard.current, rows);
    heard.current = now;
    if (items.length > 0) setText(items.map((item) => said(item, words)).join("\n"));
  }, [rows, loading, words]);
  return <div className="sr" role="log" aria-live="polite">{text}</div>;
}
