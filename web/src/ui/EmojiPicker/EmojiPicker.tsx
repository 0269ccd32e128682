// SPDX-License-Identifier: Apache-2.0
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { type Emoji, type EmojiSource, searchEmoji } from "../../viewmodels/suggestions.ts";
import { Dialog } from "../Dialog/Dialog.tsx";
import { Field } from "../Field/Field.tsx";
import { useWords } from "../words.ts";
import styles from "./EmojiPicker.module.css";

interface Props {
  readonly source: EmojiSource;
  readonly onPick: (symbol: string) => void;
  readonly onClose: () => void;
}

/** Emoji drawn at once; a search finds the others. */
const MAX_SHOWN = 400;
const COLUMNS = 8;

export function EmojiPicker({ source, onPick, onClose }: Props) {
  const words = useWords();
  const [all, setAll] = useState<readonly Emoji[] | null>(null);
  const [query, setQuery] = useState("");
  const grid = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let live = true;
    void source().then((loaded) => { if (live) setAll(loaded); });
    return () => { live = false; };
  }, [source]);
  const shown = useMemo(() => (all === null ? [] : query.trim() ? searchEmoji(all, query, 96) : all.slice(0, MAX_SHOWN)), [all, query]);
  const onKey = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[event.key];
    if (!step) return;
    const buttons = [...(grid.current?.querySelectorAll<HTMLElement>("button") ?? [])];
    buttons[buttons.indexOf(document.activeElement as HTMLElement) + step]?.focus();
    event.preventDefault();
  };
  return (
    <Dialog title={words.composer.emoji} onClose={onClose}>
      <Field label={words.emoji.search} labelHidden placeholder={words.emoji.search} value={query} onText={setQuery} type="search" autoFocus />
      {all === null ? <p role="status">{words.emoji.loading}</p> : null}
      {all !== null && shown.length === 0 ? <p role="status">{words.emoji.none}</p> : null}
      <div ref={grid} className={styles.grid} role="group" aria-label={words.composer.emoji} onKeyDown={onKey}>
        {shown.map((one, index) => (
          <button key={one.symbol} type="button" className={styles.emoji} title={one.label} aria-label={one.label} tabIndex={index === 0 ? 0 : -1} onClick={() => onPick(one.symbol)}>{one.symbol}</button>
        ))}
      </div>
    </Dialog>
  );
}
