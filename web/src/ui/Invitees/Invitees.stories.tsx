// SPDX-License-Identifier: Apache-2.0
import { type Invitee, type InviteesSnapshot, NOBODY } from "../../viewmodels/invitees.ts";
import { idle, JEAN } from "../samples.ts";
import { InviteesView } from "./InviteesView.tsx";

const show = (change: Partial<InviteesSnapshot>) => <InviteesView state={{ ...NOBODY, ...change }} actions={idle()} label="Inviter des personnes" />;
const person = { ...JEAN, organisation: "Intérieur" };
const address = (key: string, change: Partial<Invitee>): Invitee => ({ key, name: key, person: null, fate: "checking", organisation: "", outcome: "waiting", ...change });

/** Everything that can be said of somebody. */
export const ENTRIES: readonly Invitee[] = [
  { key: person.id, name: person.name, person, fate: "person", organisation: "Intérieur", outcome: "waiting" },
  address("lea.petit@exemple.gouv.fr", { fate: "agent" }), address("eve@partenaire.fr", { fate: "guest" }), address("a@autre.fr", { fate: "elsewhere", organisation: "Autre ministère" }),
  address("x@nulle-part.fr", { fate: "nobody" }), address("y@exemple.gouv.fr", { fate: "unknown" }), address("z@exemple.gouv.fr", { fate: "noMail" }), address("c@exemple.gouv.fr", {}),
  address("d@exemple.gouv.fr", { fate: "agent", outcome: "sending" }), address("e@exemple.gouv.fr", { fate: "agent", outcome: "limit" }), address("@camille:x", { fate: "inside" }),
];

export const stories = {
  empty: () => show({}),
  found: () => show({ text: "jean", suggestions: [person] }),
  nobody: () => show({ text: "zzz", suggestions: [] }),
  entries: () => show({ entries: ENTRIES }),
  sent: () => show({ sent: ["Jean Martin", "lea.petit@exemple.gouv.fr"], failure: "limit" }),
};
