// SPDX-License-Identifier: Apache-2.0
import type { RoomDetails } from "../../core/port/rooms.ts";
import { NOBODY } from "../../viewmodels/invitees.ts";
import type { RoomSnapshot } from "../../viewmodels/room.ts";
import { CAMILLE, DETAILS, idle, JEAN, nothing, NOW } from "../samples.ts";
import { RoomPanelView } from "./RoomPanelView.tsx";

const state: RoomSnapshot = {
  details: DETAILS, panelOpen: true, memberQuery: "", members: DETAILS.members, invitees: NOBODY, mayInvite: true, needsOpening: false, opening: false, sentAgain: null,
  lastAdmin: true, otherVerified: false, busy: false, failure: null,
};
const show = (change: Partial<RoomSnapshot>) => <RoomPanelView state={{ ...state, ...change }} actions={idle()} invitees={idle()} me={CAMILLE.id} onWrite={nothing} />;
const guest = { key: "eve@partenaire.fr", name: "eve@partenaire.fr", person: null, fate: "guest", organisation: "", outcome: "waiting" } as const;
const pending: RoomDetails["pending"] = [
  { token: "a", label: "lea.petit@exemple.gouv.fr", address: "lea.petit@exemple.gouv.fr", by: CAMILLE, at: NOW }, { token: "b", label: "p...@g...", address: null, by: JEAN, at: NOW },
];
const eve = { id: "@eve:x", name: "Ève Externe", avatar: null, membership: "invite", power: 0, role: "member", guest: true } as const;
const withGuests: Partial<RoomSnapshot> = { details: { ...DETAILS, guests: "open", pending, members: [...DETAILS.members, { ...eve, membership: "join" }] }, members: [...DETAILS.members, eve] };

export const stories = {
  room: () => show({}),
  guests: () => show(withGuests),
  sentAgain: () => show({ ...withGuests, sentAgain: "lea.petit@exemple.gouv.fr" }),
  opening: () => show({ needsOpening: true, invitees: { ...NOBODY, entries: [guest] } }),
  mayNotOpen: () => show({ needsOpening: true, details: { ...DETAILS, rights: { ...DETAILS.rights, open: false } }, invitees: { ...NOBODY, entries: [guest] } }),
  refused: () => show({ failure: "notExpected" }),
  publicRoom: () => show({ details: { ...DETAILS, isPublic: true, encrypted: false } }),
  direct: () => show({ details: { ...DETAILS, direct: true, otherUserId: "@jean.martin:gouv.fr" } }),
};
