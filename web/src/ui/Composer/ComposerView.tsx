// SPDX-License-Identifier: Apache-2.0
import { type ClipboardEvent, type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import { fileSize } from "../../i18n/format.ts";
import { type ComposerSnapshot, type ComposerViewModel, MAX_UPLOADS } from "../../viewmodels/composer.ts";
import type { EmojiSource } from "../../viewmodels/suggestions.ts";
import { IconButton } from "../Button/Button.tsx";
import { pastedFiles } from "../files.ts";
import { EmojiPicker } from "../EmojiPicker/EmojiPicker.tsx";
import { Icon } from "../Icon/Icon.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";
import { Suggestions } from "./Suggestions.tsx";
import { Uploads } from "./Uploads.tsx";
import styles from "./Composer.module.css";

export type ComposerActions = Pick<ComposerViewModel,
  "setText" | "send" | "accept" | "moveSelection" | "closeSuggestions" | "cancelMode" | "addFiles" | "removeFile" | "dismissTooLarge" | "insert">;

interface Props {
  readonly state: ComposerSnapshot;
  readonly actions: ComposerActions;
  readonly name: string;
  readonly encrypted: boolean;
  readonly emoji: EmojiSource;
  /** Up arrow in an empty composer. */
  readonly onEditLast: () => void;
}

/** Tallest the text grows before it scrolls, in pixels. */
const MAX_HEIGHT = 220;

export function ComposerView({ state, actions, name, encrypted, emoji, onEditLast }: Props) {
  const words = useWords();
  const id = useId();
  const text = useRef<HTMLTextAreaElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const [picking, setPicking] = useState(false);
  const { mode } = state;
  const open = state.suggestions.length > 0;

  useLayoutEffect(() => {
    const area = text.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(MAX_HEIGHT, area.scrollHeight)}px`;
  }, [state.text]);

  useEffect(() => {
    if (state.caret === null || !text.current) return;
    text.current.setSelectionRange(state.caret, state.caret);
    if (window.matchMedia("(hover: hover)").matches) text.current.focus();
  }, [state.caret, state.mode]);

  const onKey = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.nativeEvent.isComposing) return;
    if (open && handleSuggestionKey(event)) return;
    if (event.key === "Enter" && !event.shiftKey && window.matchMedia("(hover: hover)").matches) {
      event.preventDefault();
      void actions.send();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void actions.send();
    } else if (event.key === "Escape" && state.mode.kind !== "new") {
      event.preventDefault();
      actions.cancelMode();
    } else if (event.key === "ArrowUp" && state.text === "") {
      event.preventDefault();
      onEditLast();
    }
  };
  const handleSuggestionKey = (event: KeyboardEvent): boolean => {
    switch (event.key) {
      case "ArrowDown": actions.moveSelection(1); break;
      case "ArrowUp": actions.moveSelection(-1); break;
      case "Enter": case "Tab": actions.accept(); break;
      case "Escape": actions.closeSuggestions(); break;
      default: return false;
    }
    event.preventDefault();
    return true;
  };
  const onPaste = (event: ClipboardEvent): void => {
    if (mode.kind === "edit") return;
    const pasted = pastedFiles(event.clipboardData, new Date());
    if (pasted.length === 0) return;
    event.preventDefault();
    void actions.addFiles(pasted);
  };

  return (
    <div className={styles.composer}>
      {mode.kind !== "new" ? (
        <div className={styles.mode}>
          <Icon name={mode.kind === "reply" ? "reply" : "edit"} size={16} />
          <div className={styles.modeText}>
            <strong>{mode.kind === "reply" ? words.composer.replying(mode.name) : words.composer.editing}</strong>
            {mode.kind === "reply" ? <span className={styles.modeQuote}>{mode.quote}</span> : null}
          </div>
          <IconButton icon="close" size={16} label={mode.kind === "reply" ? words.composer.cancelReply : words.composer.cancelEdit} onClick={actions.cancelMode} />
        </div>
      ) : null}
      {state.tooLarge ? <Notice tone="warn" actions={<IconButton icon="close" size={16} label={words.app.close} onClick={actions.dismissTooLarge} />}>{words.composer.tooLarge(state.tooLarge.name, fileSize(state.tooLarge.limit))}</Notice> : null}
      {state.tooMany > 0 ? <Notice tone="warn" actions={<IconButton icon="close" size={16} label={words.app.close} onClick={actions.dismissTooLarge} />}>{words.composer.tooMany(state.tooMany, MAX_UPLOADS)}</Notice> : null}
      {state.failure ? <Notice tone="danger">{words.failure[state.failure]}</Notice> : null}
      {state.uploads.length > 0 ? <Uploads uploads={state.uploads} onRemove={actions.removeFile} /> : null}
      {open ? <Suggestions id={id} suggestions={state.suggestions} selected={state.selected} onChoose={actions.accept} /> : null}
      <div className={styles.bar}>
        <IconButton icon="attach" label={words.composer.attach} disabled={mode.kind === "edit"} onClick={() => files.current?.click()} />
        <input
          ref={files} type="file" multiple className="sr" tabIndex={-1} aria-label={words.composer.attach}
          onChange={(event) => { void actions.addFiles([...(event.target.files ?? [])]); event.target.value = ""; }}
        />
        <textarea
          ref={text} className={styles.text} rows={1} value={state.text} aria-label={words.composer.label(name)}
          placeholder={state.uploads.length === 1 ? words.composer.caption : encrypted ? words.composer.placeholder : words.composer.placeholderClear}
          aria-controls={open ? id : undefined} aria-autocomplete="list" aria-haspopup="listbox"
          aria-activedescendant={open ? `${id}-${state.selected}` : undefined} enterKeyHint="enter" autoComplete="off" data-composer
          onChange={(event) => actions.setText(event.target.value, event.target.selectionStart)} onKeyDown={onKey} onPaste={onPaste}
        />
        <IconButton icon="smile" label={words.composer.emoji} className={styles.emoji} onClick={() => setPicking(true)} />
        <IconButton icon="send" label={words.composer.send} className={styles.send} disabled={!state.canSend} onClick={() => void actions.send()} />
      </div>
      {picking ? (
        <EmojiPicker
          source={emoji} onClose={() => setPicking(false)}
          onPick={(symbol) => { setPicking(false); actions.insert(symbol, text.current?.selectionStart ?? state.text.length); }}
        />
      ) : null}
    </div>
  );
}
