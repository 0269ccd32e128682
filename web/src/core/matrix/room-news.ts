// SPDX-License-Identifier: Apache-2.0
/** What one room of a sliding sync answer says of what is new in it (MSC4186). Pure. */

export interface RoomNews {
  readonly name: string | null;
  readonly unread: number;
  readonly mentions: number;
  readonly invited: boolean;
}

interface StateEvent { readonly type?: unknown; readonly state_key?: unknown; readonly content?: { readonly membership?: unknown } }

export interface SlidingRoom {
  readonly name?: unknown;
  readonly heroes?: readonly { readonly user_id?: string; readonly displayname?: string }[];
  readonly notification_count?: unknown;
  readonly highlight_count?: unknown;
  readonly invite_state?: readonly StateEvent[];
  readonly required_state?: readonly StateEvent[];
}

function membershipOf(events: readonly StateEvent[] | undefined, userId: string): unknown {
  return events?.find((event) => event.type === "m.room.member" && event.state_key === userId)?.content?.membership;
}

function nameOf({ name, heroes }: SlidingRoom): string | null {
  if (typeof name === "string" && name !== "") return name;
  const people = (heroes ?? []).map((hero) => hero.displayname || hero.user_id || "").filter((one) => one !== "");
  return people.length > 0 ? people.join(", ") : null;
}

const count = (said: unknown, before: number): number => (typeof said === "number" && said >= 0 ? said : before);

/** What is new in a room now, given what was; null for a room that `userId` is no longer in. */
export function read(said: SlidingRoom, userId: string, before: RoomNews | null): RoomNews | null {
  const name = nameOf(said) ?? before?.name ?? null;
  const offered = membershipOf(said.invite_state, userId);
  if (offered === "invite") return { name, unread: 0, mentions: 0, invited: true };
  const membership = membershipOf(said.required_state, userId);
  if (offered !== undefined || (membership !== undefined && membership !== "join")) return null;
  return {
    name, invited: false,
    unread: count(said.notification_count, before?.unread ?? 0),
    mentions: count(said.highlight_count, before?.mentions ?? 0),
  };
}
