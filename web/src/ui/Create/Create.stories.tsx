// SPDX-License-Identifier: Apache-2.0
import type { CreateSnapshot } from "../../viewmodels/create.ts";
import { idle, JEAN, nothing } from "../samples.ts";
import { CreateView } from "./CreateView.tsx";

const start: CreateSnapshot = { step: "people", query: "", searching: false, people: null, rooms: null, kind: "secure", name: "", nameMissing: false, topic: "", invitees: [], busy: false, failure: null };
const show = (change: Partial<CreateSnapshot>) => <CreateView state={{ ...start, ...change }} actions={idle()} onClose={nothing} />;
const people = [{ ...JEAN, organisation: "interieur.gouv.fr" }];

export const stories = {
  start: () => show({}),
  found: () => show({ query: "jean", people }),
  nobody: () => show({ query: "zzz", people: [] }),
  room: () => show({ step: "room", nameMissing: true, invitees: people }),
  explore: () => show({ step: "explore", rooms: [{ id: "!f:x", name: "Forum", topic: "Ouvert à tous", alias: null, avatar: null, members: 12, joined: false }] }),
  failure: () => show({ failure: "forbidden" }),
};
