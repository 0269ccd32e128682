// SPDX-License-Identifier: Apache-2.0
import { DETAILS, nothing } from "../samples.ts";
import { RoomHeadView } from "./RoomHeadView.tsx";

const show = (change: Partial<typeof DETAILS>, verified = false) => <RoomHeadView details={{ ...DETAILS, ...change }} panelOpen={false} verified={verified} onBack={nothing} onPanel={nothing} />;

export const stories = {
  room: () => show({}), typing: () => show({ typing: ["Jean", "Lucie", "Paul"] }), publicRoom: () => show({ isPublic: true, encrypted: false }),
  openToGuests: () => show({ guests: "open" }),
  direct: () => show({ direct: true, otherUserId: "@jean.martin:gouv.fr", name: "Jean Martin" }, true),
};
