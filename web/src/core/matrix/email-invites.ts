// SPDX-License-Identifier: Apache-2.0
/**
 * Invitations by e-mail of one room (client-server API, "Third-party invites"). The room tells
 * everybody `p...@g...`; the whole address stays with whoever wrote it, in their account data.
 */
import { type MatrixClient, type MatrixEvent, Method, type Room, RoomStateEvent } from "matrix-js-sdk";
import type { PendingInvite } from "../port/invites.ts";
import { guarded } from "./errors.ts";
import { person } from "./items.ts";

const INVITE = "m.room.third_party_invite";
/** Room account data: token to address. */
const ADDRESSES = "org.estafette.invited_addresses";
/** Longest wait for the room to tell of a new invitation, in milliseconds. */
const TOLD_WITHIN_MS = 3_000;

export class EmailInvites {
  readonly #client: MatrixClient;
  readonly #room: Room;

  constructor(client: MatrixClient, room: Room) {
    this.#client = client;
    this.#room = room;
  }

  /** Those that were neither used nor taken back: their content is not empty. */
  pending(): readonly PendingInvite[] {
    const addresses = this.#addresses();
    return this.#events().map((event): PendingInvite => {
      const token = event.getStateKey() ?? "";
      const shown: unknown = event.getContent()["display_name"];
      const address = addresses[token] ?? null;
      return {
        token, address, label: address ?? (typeof shown === "string" ? shown : ""),
        by: person(this.#room, event.getSender() ?? ""), at: event.getTs(),
      };
    }).sort((a, b) => b.at - a.at);
  }

  #events(): readonly MatrixEvent[] {
    return (this.#room.currentState.getStateEvents(INVITE) as MatrixEvent[])
      .filter((event) => event.getStateKey() && typeof event.getContent()["display_name"] === "string");
  }

  /** Invites an address, or sends its mail again. */
  async send(address: string): Promise<void> {
    const known = new Set(this.#events().map((event) => event.getStateKey()));
    const again = this.pending().some((one) => one.address === address);
    const path = `/rooms/${encodeURIComponent(this.#room.roomId)}/invite`;
    await guarded(() => this.#client.http.authedRequest(Method.Post, path, undefined, { medium: "email", address }));
    if (!again) await this.keep(address, known);
  }

  async withdraw(token: string): Promise<void> {
    await guarded(() => this.#client.sendStateEvent(this.#room.roomId, INVITE as never, {} as never, token));
  }

  /** Remembers which invitation an address was for, once the room tells of one not in `known`. */
  async keep(address: string, known: ReadonlySet<string | undefined> = new Set()): Promise<void> {
    const me = this.#client.getSafeUserId();
    const token = await this.#told((event) => event.getSender() === me && !known.has(event.getStateKey())
      && fits(String(event.getContent()["display_name"]), address));
    if (!token) return;
    // Failing to remember costs the full address in a list and nothing else.
    await this.#client.setRoomAccountData(this.#room.roomId, ADDRESSES as never, { ...this.#addresses(), [token]: address } as never).catch(() => undefined);
  }

  #told(wanted: (event: MatrixEvent) => boolean): Promise<string | null> {
    const look = (): string | null => this.#events().find(wanted)?.getStateKey() ?? null;
    const now = look();
    if (now) return Promise.resolve(now);
    return new Promise((resolve) => {
      const end = (token: string | null): void => {
        clearTimeout(timer);
        this.#room.off(RoomStateEvent.Events, listen);
        resolve(token);
      };
      const listen = (): void => { const token = look(); if (token) end(token); };
      const timer = setTimeout(() => end(null), TOLD_WITHIN_MS);
      this.#room.on(RoomStateEvent.Events, listen);
    });
  }

  /** What was remembered, of the invitations that are still pending. */
  #addresses(): Readonly<Record<string, string>> {
    const kept = this.#room.getAccountData(ADDRESSES)?.getContent() ?? {};
    const open = new Set(this.#events().map((event) => event.getStateKey()));
    return Object.fromEntries(Object.entries(kept).filter((entry): entry is [string, string] => typeof entry[1] === "string" && open.has(entry[0])));
  }
}

/** Whether the shortened form a room tells can be of that address: `p...@g...`, or less. */
export function fits(shown: string, address: string): boolean {
  const parts = shown.toLowerCase().split(/\.{3}|…/);
  let at = 0;
  for (const [index, part] of parts.entries()) {
    const found = address.indexOf(part, at);
    if (found < 0 || (index === 0 && found > 0)) return false;
    at = found + part.length;
  }
  return true;
}
