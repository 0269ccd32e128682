// SPDX-License-Identifier: Apache-2.0
import type { FormEvent } from "react";
import type { DirectoryPerson } from "../../core/port/core.ts";
import type { CreateSnapshot, CreateViewModel } from "../../viewmodels/create.ts";
import { Avatar } from "../Avatar/Avatar.tsx";
import { Button, IconButton } from "../Button/Button.tsx";
import { Dialog } from "../Dialog/Dialog.tsx";
import { Field } from "../Field/Field.tsx";
import { Icon } from "../Icon/Icon.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";
import styles from "./Create.module.css";

export type CreateActions = Pick<CreateViewModel,
  "setStep" | "setQuery" | "setKind" | "setName" | "setTopic" | "choose" | "removeInvitee" | "create" | "enter">;

interface Props {
  readonly state: CreateSnapshot;
  readonly actions: CreateActions;
  readonly onClose: () => void;
}

export function CreateView({ state, actions, onClose }: Props) {
  const words = useWords();
  const title = { people: words.create.title, room: words.create.newRoom, explore: words.create.explore }[state.step];
  return (
    <Dialog
      title={title} size="medium" onClose={onClose}
      footer={state.step === "people" ? undefined : (
        <>
          <Button icon="back" onClick={() => actions.setStep("people")}>{words.app.back}</Button>
          {state.step === "room" ? <Button look="primary" type="submit" form="create-room" disabled={state.busy}>{state.busy ? words.create.creating : words.create.create}</Button> : null}
        </>
      )}
    >
      {state.failure ? <Notice tone="danger">{words.failure[state.failure]}</Notice> : null}
      {state.step === "people" ? (
        <>
          <Find state={state} actions={actions} label={words.create.searchLabel} />
          {state.query.trim().length < 2 ? <p className={styles.soft}>{words.create.hint}</p> : null}
          <div className={styles.ways}>
            <button type="button" className={styles.way} onClick={() => actions.setStep("room")}><Icon name="people" /> {words.create.newRoom}</button>
            <button type="button" className={styles.way} onClick={() => actions.setStep("explore")}><Icon name="globe" /> {words.create.explore}</button>
          </div>
        </>
      ) : null}
      {state.step === "room" ? <NewRoomForm state={state} actions={actions} /> : null}
      {state.step === "explore" ? <Explore state={state} actions={actions} /> : null}
    </Dialog>
  );
}

type Part = Pick<Props, "state" | "actions">;

function Find({ state, actions, label }: Part & { readonly label: string }) {
  const words = useWords();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const first = state.people?.[0];
    if (first) void actions.choose(first);
  };
  return (
    <div className={styles.find} onKeyDown={(event) => { if (event.key === "Enter" && event.target instanceof HTMLInputElement) submit(event); }}>
      <Field label={label} type="search" placeholder={words.create.search} value={state.query} autoComplete="off" autoFocus={state.step === "people"} onText={(value) => void actions.setQuery(value)} />
      <p className="sr" role="status">{state.people ? words.create.results(state.people.length) : ""}</p>
      {state.people?.length === 0 ? <p className={styles.soft}>{words.create.nobody}</p> : null}
      {state.people && state.people.length > 0 ? (
        <ul className={styles.people}>
          {state.people.map((person) => (
            <li key={person.id}><PersonButton person={person} disabled={state.busy} onChoose={() => void actions.choose(person)} /></li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}

function PersonButton({ person, disabled, onChoose }: { readonly person: DirectoryPerson; readonly disabled: boolean; readonly onChoose: () => void }) {
  return (
    <button type="button" className={styles.person} disabled={disabled} onClick={onChoose}>
      <Avatar id={person.id} name={person.name} mxc={person.avatar} size={40} />
      <span className={styles.personText}>
        <span className={styles.personName}>{person.name}</span>
        <span className={styles.soft}>{person.id}</span>
      </span>
      <span className={styles.organisation}>{person.organisation}</span>
    </button>
  );
}

function NewRoomForm({ state, actions }: Part) {
  const words = useWords();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void actions.create();
  };
  return (
    <>
      <form id="create-room" className={styles.form} onSubmit={submit} noValidate>
        <Field label={words.create.roomName} value={state.name} problem={state.nameMissing ? words.create.roomNameMissing : null} autoFocus required maxLength={255} onText={actions.setName} />
        <fieldset className={styles.kinds}>
          <legend>{words.create.kind}</legend>
          <label className={styles.kind} data-on={state.kind === "secure" || undefined}>
            <input type="radio" name="kind" checked={state.kind === "secure"} onChange={() => actions.setKind("secure")} />
            <span><strong>{words.create.secure}</strong> <span className={styles.recommended}>{words.create.recommended}</span><br />{words.create.secureHelp}</span>
          </label>
          <label className={styles.kind} data-on={state.kind === "public" || undefined}>
            <input type="radio" name="kind" checked={state.kind === "public"} onChange={() => actions.setKind("public")} />
            <span><strong>{words.create.public}</strong><br />{words.create.publicHelp}</span>
          </label>
        </fieldset>
        <Field label={words.create.topic} value={state.topic} maxLength={1000} onText={actions.setTopic} />
      </form>
      {state.invitees.length > 0 ? (
        <ul className={styles.invitees}>
          {state.invitees.map((one) => (
            <li key={one.id} className={styles.invitee}>
              <Avatar id={one.id} name={one.name} mxc={one.avatar} size={24} /> {one.name}
              <IconButton icon="close" size={14} label={words.create.removeInvitee(one.name)} onClick={() => actions.removeInvitee(one.id)} />
            </li>
          ))}
        </ul>
      ) : null}
      <Find state={state} actions={actions} label={words.create.invitees} />
    </>
  );
}

function Explore({ state, actions }: Part) {
  const words = useWords();
  return (
    <>
      <Field label={words.create.exploreSearch} type="search" value={state.query} autoFocus onText={(value) => void actions.setQuery(value)} />
      {state.rooms?.length === 0 ? <p role="status" className={styles.soft}>{words.create.noRooms}</p> : null}
      <ul className={styles.people}>
        {state.rooms?.map((room) => (
          <li key={room.id} className={styles.person}>
            <Avatar id={room.id} name={room.name} mxc={room.avatar} size={40} square />
            <span className={styles.personText}>
              <span className={styles.personName}>{room.name}</span>
              <span className={styles.soft}>{[words.room.members(room.members), room.topic].filter(Boolean).join(" · ")}</span>
            </span>
            <Button disabled={state.busy} onClick={() => void actions.enter(room)}>{room.joined ? words.create.open : words.create.join}</Button>
          </li>
        ))}
      </ul>
    </>
  );
}
