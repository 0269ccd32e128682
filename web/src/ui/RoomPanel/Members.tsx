// SPDX-License-Identifier: Apache-2.0
import { useState } from "react";
import { VList } from "virtua";
import { splitName } from "../../core/port/invites.ts";
import type { Member, Role } from "../../core/port/rooms.ts";
import { Avatar } from "../Avatar/Avatar.tsx";
import { Button } from "../Button/Button.tsx";
import { Confirm } from "../Dialog/Dialog.tsx";
import { Field } from "../Field/Field.tsx";
import { Menu, type MenuItem } from "../Menu/Menu.tsx";
import { useWords } from "../words.ts";
import { Invite } from "./Invite.tsx";
import { Pending } from "./Pending.tsx";
import type { RoomPanelProps } from "./RoomPanelView.tsx";
import styles from "./RoomPanel.module.css";

const ROLES: readonly Role[] = ["admin", "moderator", "member"];
/** Members drawn without virtualisation. */
const PLAIN_LIST = 40;

type Ask = { readonly kind: "kick" | "ban"; readonly member: Member } | { readonly kind: "demoteSelf"; readonly role: Role } | null;

export function Members({ state, actions, invitees, me, onWrite }: RoomPanelProps) {
  const words = useWords();
  const [ask, setAsk] = useState<Ask>(null);
  const { details, members } = state;
  const present = members.filter((member) => member.membership !== "ban");
  const banned = members.filter((member) => member.membership === "ban");
  const guests = details.members.filter((member) => member.guest && member.membership === "join").length;

  const menuOf = (member: Member): readonly MenuItem[] => {
    const below = member.power < details.myPower;
    const self = member.id === me;
    const setRole = (role: Role): void => (self ? setAsk({ kind: "demoteSelf", role }) : void actions.setRole(member.id, role));
    return [
      ...(self ? [] : [{ label: words.room.write, icon: "group" as const, run: () => onWrite(member.id) }]),
      ...(details.rights.roles && (below || self)
        ? ROLES.filter((role) => role !== member.role && (!self || ROLES.indexOf(role) > ROLES.indexOf(member.role)))
          .map((role): MenuItem => ({ label: `${words.room.role(member.name)} : ${words.room[role]}`, icon: "people", run: () => setRole(role) }))
        : []),
      ...(details.rights.kick && below && !self ? [{ label: member.membership === "invite" ? words.people.withdraw : words.room.remove, icon: "leave" as const, danger: true, run: () => setAsk({ kind: "kick", member }) }] : []),
      ...(details.rights.ban && below && !self ? [{ label: words.room.ban, icon: "close" as const, danger: true, run: () => setAsk({ kind: "ban", member }) }] : []),
    ];
  };
  const row = (member: Member) => {
    const { name, organisation } = splitName(member.name);
    const role = member.membership === "invite" ? words.room.invitePending : member.role === "member" ? "" : words.room[member.role];
    return (
      <div key={member.id} className={styles.member}>
        <Avatar id={member.id} name={member.name} mxc={member.avatar} size={36} />
        <span className={styles.memberText}>
          <span className={styles.memberName}>{name}{member.id === me ? ` (${words.rooms.you})` : ""}</span>
          <span className={styles.soft}>{[role, member.guest ? "" : organisation, role === "" ? member.id : ""].filter(Boolean).join(" · ")}</span>
        </span>
        {member.guest ? <span className={styles.badge} title={words.people.guestHelp}>{words.people.guest}</span> : null}
        {menuOf(member).length > 0 ? <Menu label={words.rooms.menu(member.name)} items={menuOf(member)} /> : null}
      </div>
    );
  };
  return (
    <section className={styles.members}>
      <h3>{words.room.members(details.memberCount)}{guests > 0 ? ` (${words.people.guestsCount(guests)})` : ""}</h3>
      {state.mayInvite ? <Invite state={state} actions={actions} invitees={invitees} /> : null}
      <Pending state={state} actions={actions} />
      {details.members.length > 8 ? (
        <Field label={words.room.searchMembers} labelHidden placeholder={words.room.searchMembers} type="search" value={state.memberQuery} onText={actions.searchMembers} />
      ) : null}
      {present.length <= PLAIN_LIST ? <div>{present.map(row)}</div> : <VList className={styles.memberList} tabIndex={-1}>{present.map(row)}</VList>}
      {banned.length > 0 ? <h3>{words.room.banned}</h3> : null}
      {banned.map((member) => (
        <div key={member.id} className={styles.member}>
          <Avatar id={member.id} name={member.name} mxc={null} size={36} />
          <span className={styles.memberText}>{member.name}</span>
          {details.rights.ban ? <Button onClick={() => void actions.unban(member.id)}>{words.room.unban}</Button> : null}
        </div>
      ))}
      {ask?.kind === "kick" ? (
        <Confirm title={words.room.remove} text={words.room.removeConfirm(ask.member.name)} action={words.room.remove} danger onCancel={() => setAsk(null)}
          onConfirm={() => { setAsk(null); void actions.kick(ask.member.id); }} />
      ) : null}
      {ask?.kind === "ban" ? (
        <Confirm title={words.room.ban} text={words.room.banConfirm(ask.member.name)} action={words.room.ban} danger onCancel={() => setAsk(null)}
          onConfirm={() => { setAsk(null); void actions.ban(ask.member.id); }} />
      ) : null}
      {ask?.kind === "demoteSelf" ? (
        <Confirm title={words.room.role(words.rooms.you)} text={words.room.selfDemote} action={words.app.confirm} danger onCancel={() => setAsk(null)}
          onConfirm={() => { setAsk(null); void actions.setRole(me, ask.role); }} />
      ) : null}
    </section>
  );
}
