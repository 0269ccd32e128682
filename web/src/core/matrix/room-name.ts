// SPDX-License-Identifier: Apache-2.0
/** What a room without a name is called, in no language: the SDK would say "A and 2 others". */
import { type RoomNameState, RoomNameType } from "matrix-js-sdk";

/** Null where the SDK's own answer, the room's name, is right. */
export function generatedName(state: RoomNameState): string | null {
  if (state.type === RoomNameType.Actual) return null;
  if (state.type === RoomNameType.EmptyRoom) return state.oldName ?? "…";
  const names = state.names.filter((name) => typeof name === "string" && name !== "");
  // What was used or taken back has no name any more.
  const more = state.subtype === "Inviting" ? 0 : state.count - names.length;
  return (names.join(", ") || "…") + (more > 0 ? ` +${more}` : "");
}
