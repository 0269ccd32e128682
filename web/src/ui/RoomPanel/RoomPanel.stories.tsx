// SPDX-License-Identifier: Apache-2.0
import type { RoomSnapshot } from "../../viewmodels/room.ts";
import { CAMILLE, DETAILS, idle, nothing } from "../samples.ts";
import { RoomPanelView } from "./RoomPanelView.tsx";

const state: RoomSnapshot = { details: DETAILS, panelOpen: true, memberQuery: "", members: DETAILS.members, inviteQuery: "", inviteResults: [], lastAdmin: true, otherVerified: false, busy: false, failure: null };
const show = (change: Partial<RoomSnapshot>) => <RoomPanelView state={{ ...state, ...change }} actions={idle()} me={CAMILLE.id} onWrite={nothing} onVerify={nothing} />;

export const stories = {
  room: () => show({}), email: () => show({ failure: "emailUnsupported", inviteQuery: "jean@gouv.fr" }),
  direct: () => show({ details: { ...DETAILS, direct: true, otherUserId: "@jean.martin:gouv.fr" } }),
};
