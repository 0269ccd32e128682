// SPDX-License-Identifier: Apache-2.0
import { type FormEvent, Fragment } from "react";
import type { RoomKind } from "../../core/port/rooms.ts";
import { Field } from "../Field/Field.tsx";
import { InviteesView } from "../Invitees/InviteesView.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";
import type { CreateProps } from "./CreateView.tsx";
import styles from "./Create.module.css";

type Part = Pick<CreateProps, "state" | "actions" | "invitees">;

export function NewRoomForm({ state, actions, invitees }: Part) {
  const words = useWords();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void actions.create();
  };
  return (
    <form id="create-room" className={styles.form} onSubmit={submit} noValidate>
      <Field label={words.create.roomName} value={state.name} problem={state.nameMissing ? words.create.roomNameMissing : null} autoFocus required maxLength={255} onText={actions.setName} />
      <Kinds state={state} actions={actions} />
      <Field label={words.create.topic} value={state.topic} maxLength={1000} onText={actions.setTopic} />
      <InviteesView state={state.invitees} actions={invitees} label={`${words.people.field} (${words.create.optional})`} busy={state.busy} />
      {state.guestsMissing ? <Notice tone="warn">{words.kinds.guestsMissing}</Notice> : null}
    </form>
  );
}

/** The kinds of rooms, each with what it means for those who write there. */
function Kinds({ state, actions }: Pick<Part, "state" | "actions">) {
  const words = useWords();
  const w = words.kinds;
  const kinds: readonly { kind: RoomKind; name: string; help: string }[] = [
    { kind: "secure", name: w.secure, help: w.secureHelp }, { kind: "public", name: w.public, help: w.publicHelp },
  ];
  return (
    <fieldset className={styles.kinds}>
      <legend>{w.legend}</legend>
      {kinds.map(({ kind, name, help }) => (
        <Fragment key={kind}>
          <label className={styles.kind} data-on={state.kind === kind || undefined}>
            <input type="radio" name="kind" checked={state.kind === kind} onChange={() => actions.setKind(kind)} />
            <span><strong>{name}</strong> {kind === "secure" ? <span className={styles.recommended}>{w.recommended}</span> : null}<br />{help}</span>
          </label>
          {kind === "secure" && state.kind === "secure" && state.guestsChoice ? (
            <label className={`${styles.kind} ${styles.inner}`} data-on={state.guests || undefined}>
              <input type="checkbox" checked={state.guests} onChange={(event) => actions.setGuests(event.target.checked)} />
              <span><strong>{w.guests}</strong><br />{w.guestsHelp}</span>
            </label>
          ) : null}
        </Fragment>
      ))}
      {state.kind === "public" ? <Notice tone="warn">{w.publicWarning}</Notice> : null}
    </fieldset>
  );
}
