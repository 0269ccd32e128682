// SPDX-License-Identifier: Apache-2.0
import type { ClipboardEvent, KeyboardEvent } from "react";
import type { DirectoryPerson } from "../../core/port/invites.ts";
import type { Invitee, InviteesSnapshot, InviteesViewModel } from "../../viewmodels/invitees.ts";
import { Avatar } from "../Avatar/Avatar.tsx";
import { IconButton } from "../Button/Button.tsx";
import { Field } from "../Field/Field.tsx";
import { Icon } from "../Icon/Icon.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";
import styles from "./Invitees.module.css";

export type InviteesActions = Pick<InviteesViewModel, "setText" | "paste" | "commit" | "choose" | "remove">;

interface Props {
  readonly state: InviteesSnapshot;
  readonly actions: InviteesActions;
  readonly label: string;
  readonly busy?: boolean;
  /** Shows what became of each, without asking for more. */
  readonly listOnly?: boolean;
}

/** Suggestions drawn at once. */
const MAX_SHOWN = 8;

export function InviteesView({ state, actions, label, busy = false, listOnly = false }: Props) {
  const words = useWords();
  const w = words.people;
  const onKeyDown = (event: KeyboardEvent): void => {
    // Enter takes what is typed in full, never the first of a list that may be late.
    if (event.key === "Enter" && actions.commit()) event.preventDefault();
  };
  const onPaste = (event: ClipboardEvent): void => {
    const text = event.clipboardData.getData("text");
    if (!/[@,;\n]/.test(text)) return;
    event.preventDefault();
    actions.paste(text);
  };
  return (
    <div className={styles.invitees}>
      {listOnly ? null : (
        <Field label={label} help={w.help} type="text" inputMode="email" value={state.text} autoComplete="off" autoCapitalize="none" spellCheck={false}
          onText={actions.setText} onKeyDown={onKeyDown} onPaste={onPaste} />
      )}
      <p className="sr" role="status">{state.suggestions ? words.create.results(state.suggestions.length) : ""}</p>
      {state.suggestions?.length === 0 ? <p className={styles.soft}>{words.create.nobody}</p> : null}
      {state.suggestions && state.suggestions.length > 0 ? (
        <ul className={styles.found} aria-label={w.suggestions}>
          {state.suggestions.slice(0, MAX_SHOWN).map((person) => <li key={person.id}><PersonButton person={person} disabled={busy} onChoose={() => actions.choose(person)} /></li>)}
        </ul>
      ) : null}
      {state.failure ? <Notice tone="danger">{words.failure[state.failure]}</Notice> : null}
      {state.entries.length > 0 ? (
        <ul className={styles.entries} aria-label={w.list}>
          {state.entries.map((entry) => <Entry key={entry.key} entry={entry} busy={busy} onRemove={() => actions.remove(entry.key)} />)}
        </ul>
      ) : null}
      {state.sent.length > 0 ? <Notice tone="ok">{w.sent(state.sent.join(", "))}</Notice> : null}
    </div>
  );
}

function Entry({ entry, busy, onRemove }: { readonly entry: Invitee; readonly busy: boolean; readonly onRemove: () => void }) {
  const words = useWords();
  const w = words.people;
  const { fate, outcome } = entry;
  const failed = outcome !== "waiting" && outcome !== "sending";
  const stuck = fate === "elsewhere" || fate === "nobody" || fate === "noMail";
  const text = outcome === "sending" ? w.sending : failed ? words.failure[outcome]
    : fate === "person" && entry.person ? `${entry.organisation} · ${entry.person.id}` : w.fate[fate](entry.organisation);
  return (
    <li className={styles.entry} data-tone={failed || stuck ? "danger" : fate === "guest" ? "warn" : undefined}>
      {entry.person ? <Avatar id={entry.person.id} name={entry.name} mxc={entry.person.avatar} size={32} /> : <span className={styles.letter}><Icon name={entry.key.startsWith("@") ? "people" : "mail"} size={18} /></span>}
      <span className={styles.text}>
        <span className={styles.name}>{entry.name} {fate === "guest" ? <span className={styles.badge}>{w.guest}</span> : null}</span>
        <span className={styles.fate} role={failed ? "alert" : undefined}>{text}</span>
      </span>
      <IconButton icon="close" size={16} label={w.remove(entry.name)} disabled={busy} onClick={onRemove} />
    </li>
  );
}

export function PersonButton({ person, disabled, onChoose }: { readonly person: DirectoryPerson; readonly disabled: boolean; readonly onChoose: () => void }) {
  return (
    <button type="button" className={styles.person} disabled={disabled} onClick={onChoose}>
      <Avatar id={person.id} name={person.name} mxc={person.avatar} size={36} />
      <span className={styles.text}>
        <span className={styles.name}>{person.name}</span>
        <span className={styles.soft}>{person.organisation} · {person.id}</span>
      </span>
    </button>
  );
}
