// SPDX-License-Identifier: Apache-2.0
import type { KeyboardEvent, ReactNode } from "react";
import type { CreateSnapshot, CreateViewModel } from "../../viewmodels/create.ts";
import { Avatar } from "../Avatar/Avatar.tsx";
import { Button } from "../Button/Button.tsx";
import { Dialog } from "../Dialog/Dialog.tsx";
import { Field } from "../Field/Field.tsx";
import { Icon } from "../Icon/Icon.tsx";
import { type InviteesActions, InviteesView, PersonButton } from "../Invitees/InviteesView.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";
import { NewRoomForm } from "./NewRoomForm.tsx";
import styles from "./Create.module.css";

export type CreateActions = Pick<CreateViewModel,
  "setStep" | "setQuery" | "setKind" | "setGuests" | "setName" | "setTopic" | "write" | "create" | "openMade" | "enter">;

export interface CreateProps {
  readonly state: CreateSnapshot;
  readonly actions: CreateActions;
  readonly invitees: InviteesActions;
  readonly onClose: () => void;
}

export function CreateView({ state, actions, invitees, onClose }: CreateProps) {
  const words = useWords();
  const title = { people: words.create.title, room: words.create.newRoom, explore: words.create.explore, made: state.name }[state.step];
  const back = <Button icon="back" onClick={() => actions.setStep("people")}>{words.app.back}</Button>;
  const checking = state.invitees.entries.some((one) => one.fate === "checking");
  const footer: Readonly<Record<CreateSnapshot["step"], ReactNode>> = {
    people: undefined,
    explore: back,
    room: <>{back}<Button look="primary" type="submit" form="create-room" disabled={state.busy || checking}>{state.busy ? words.create.creating : words.create.create}</Button></>,
    made: <Button look="primary" onClick={actions.openMade}>{words.kinds.open}</Button>,
  };
  return (
    <Dialog title={title} size="medium" onClose={state.step === "made" ? actions.openMade : onClose} footer={footer[state.step]}>
      {state.failure ? <Notice tone="danger">{words.failure[state.failure]}</Notice> : null}
      {state.guest ? <Notice>{words.people.guestAccount}</Notice> : state.step === "people" ? <People state={state} actions={actions} /> : null}
      {state.step === "room" ? <NewRoomForm state={state} actions={actions} invitees={invitees} /> : null}
      {state.step === "explore" ? <Explore state={state} actions={actions} /> : null}
      {state.step === "made" ? (
        <>
          <Notice tone="warn">{words.kinds.made}</Notice>
          <InviteesView state={state.invitees} actions={invitees} label={words.people.field} listOnly />
        </>
      ) : null}
    </Dialog>
  );
}

type Part = Pick<CreateProps, "state" | "actions">;

function People({ state, actions }: Part) {
  const words = useWords();
  const { people, address } = state;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement) || state.searching) return;
    event.preventDefault();
    const first = people?.[0];
    if (first) void actions.write({ userId: first.id });
  };
  return (
    <>
      <div className={styles.find} onKeyDown={onKeyDown}>
        <Field label={words.create.searchLabel} type="search" placeholder={words.create.search} value={state.query} autoComplete="off" autoCapitalize="none" spellCheck={false} autoFocus onText={actions.setQuery} />
        <p className="sr" role="status">{people ? words.create.results(people.length) : ""}</p>
        {people?.length === 0 ? <p className={styles.soft}>{words.create.nobody}</p> : null}
        {people && people.length > 0 ? (
          <ul className={styles.people}>
            {people.map((person) => <li key={person.id}><PersonButton person={person} disabled={state.busy} onChoose={() => void actions.write({ userId: person.id })} /></li>)}
          </ul>
        ) : null}
        {address ? <Address state={state} actions={actions} address={address} /> : null}
      </div>
      {state.query.trim().length < 2 ? <p className={styles.soft}>{words.create.hint}</p> : null}
      <div className={styles.ways}>
        <button type="button" className={styles.way} onClick={() => actions.setStep("room")}><Icon name="people" /> {words.create.newRoom}</button>
        <button type="button" className={styles.way} onClick={() => actions.setStep("explore")}><Icon name="globe" /> {words.create.explore}</button>
      </div>
    </>
  );
}

/** Somebody without an account: what writing to them comes to. */
function Address({ state, actions, address }: Part & { readonly address: NonNullable<CreateSnapshot["address"]> }) {
  const words = useWords();
  const fate = state.mail ? address.standing : "noMail";
  const possible = fate === "agent" || fate === "guest" || fate === "unknown";
  return (
    <div className={styles.address} role="status">
      <Icon name="mail" />
      <span className={styles.personText}>
        <span className={styles.personName}>{address.address}</span>
        <span className={styles.fate} data-stuck={possible ? undefined : ""}>{words.people.fate[fate](address.organisation)}</span>
      </span>
      {possible ? <Button look="primary" disabled={state.busy} onClick={() => void actions.write({ address: address.address })}>{words.people.writeAddress}</Button> : null}
    </div>
  );
}

function Explore({ state, actions }: Part) {
  const words = useWords();
  return (
    <>
      <Field label={words.create.exploreSearch} type="search" value={state.query} autoFocus onText={actions.setQuery} />
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
