// SPDX-License-Identifier: Apache-2.0
import type { CreateSnapshot } from "../../viewmodels/create.ts";
import { NOBODY } from "../../viewmodels/invitees.ts";
import { idle, JEAN, nothing } from "../samples.ts";
import { CreateView } from "./CreateView.tsx";

const start: CreateSnapshot = {
  step: "people", query: "", searching: false, people: null, address: null, rooms: null, kind: "secure", guests: false, guestsChoice: true, guestsMissing: false, mail: true, guest: false,
  name: "", nameMissing: false, topic: "", invitees: NOBODY, made: null, busy: false, failure: null,
};
const show = (change: Partial<CreateSnapshot>) => <CreateView state={{ ...start, ...change }} actions={idle()} invitees={idle()} onClose={nothing} />;
const people = [{ ...JEAN, organisation: "interieur.gouv.fr" }];
const address = (standing: "agent" | "guest" | "elsewhere" | "nobody" | "unknown") => ({ kind: "address", address: "lea.petit@exemple.gouv.fr", standing, organisation: "Exemple" }) as const;
const refused = { ...NOBODY, entries: [{ key: "lea@exemple.gouv.fr", name: "lea@exemple.gouv.fr", person: null, fate: "agent", organisation: "", outcome: "limit" }] } as const;

export const stories = {
  start: () => show({}),
  found: () => show({ query: "jean", people }),
  nobody: () => show({ query: "zzz", people: [] }),
  addressOfAgent: () => show({ query: "lea.petit@exemple.gouv.fr", address: address("agent") }),
  addressOfNobody: () => show({ query: "lea.petit@exemple.gouv.fr", address: address("nobody") }),
  addressWithoutMail: () => show({ query: "lea.petit@exemple.gouv.fr", address: address("unknown"), mail: false }),
  guest: () => show({ guest: true }),
  room: () => show({ step: "room", nameMissing: true }),
  roomForGuests: () => show({ step: "room", guests: true }),
  roomWithoutRules: () => show({ step: "room", guestsChoice: false }),
  guestsMissing: () => show({ step: "room", name: "Projet", guestsMissing: true }),
  publicRoom: () => show({ step: "room", kind: "public", name: "Forum" }),
  made: () => show({ step: "made", name: "Projet", made: "!r:x", invitees: refused }),
  explore: () => show({ step: "explore", rooms: [{ id: "!f:x", name: "Forum", topic: "Ouvert à tous", alias: null, avatar: null, members: 12, joined: false }] }),
  failure: () => show({ failure: "forbidden" }),
};
