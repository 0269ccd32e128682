// SPDX-License-Identifier: Apache-2.0
import type { FormEvent } from "react";
import { sendable } from "../../viewmodels/invitees.ts";
import { Button } from "../Button/Button.tsx";
import { InviteesView } from "../Invitees/InviteesView.tsx";
import { Notice } from "../Notice/Notice.tsx";
import { useWords } from "../words.ts";
import type { RoomPanelProps } from "./RoomPanelView.tsx";
import styles from "./RoomPanel.module.css";

/** Inviting to the conversation; opening it to guests is asked here, before anybody is invited. */
export function Invite({ state, actions, invitees }: Pick<RoomPanelProps, "state" | "actions" | "invitees">) {
  const words = useWords();
  const { entries, text } = state.invitees;
  const checking = entries.some((one) => one.fate === "checking");
  const count = entries.filter(sendable).length;
  const barred = state.needsOpening && !state.opening;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void actions.invite();
  };
  return (
    <form onSubmit={submit} className={styles.invite}>
      <InviteesView state={state.invitees} actions={invitees} label={words.people.field} busy={state.busy} />
      {state.needsOpening ? (
        <Notice tone="warn">
          <p>{words.people.opening}</p>
          {state.details.rights.open ? (
            <label className={styles.check}>
              <input type="checkbox" checked={state.opening} onChange={(event) => actions.setOpening(event.target.checked)} /> {words.people.openingAgree}
            </label>
          ) : <p>{words.people.openingByAdmin}</p>}
        </Notice>
      ) : null}
      {count > 0 || text.includes("@") ? (
        <Button type="submit" look="primary" disabled={state.busy || checking || barred}>{state.busy ? words.people.sending : words.people.action(count)}</Button>
      ) : null}
    </form>
  );
}
