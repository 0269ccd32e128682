// SPDX-License-Identifier: Apache-2.0
/** The messages that replies answer, fetched once when they are not in memory. */
import { type MatrixClient, MatrixEvent, type Room } from "matrix-js-sdk";
import { summaryOf } from "../port/plain-text.ts";
import type { ReplyQuote } from "../port/timeline.ts";
import { contentOf, person } from "./items.ts";

/** Quotes fetched per conversation; beyond it replies show without their original. */
const MAX_FETCHED = 200;

export class Quotes {
  readonly #client: MatrixClient;
  readonly #room: Room;
  readonly #changed: (eventId: string) => void;
  readonly #fetched = new Map<string, MatrixEvent | null>();

  constructor(client: MatrixClient, room: Room, changed: (eventId: string) => void) {
    this.#client = client;
    this.#room = room;
    this.#changed = changed;
  }

  /** The quote shown above a reply; `forEvent` is told when a fetched original arrives. */
  quote(eventId: string, forEvent: string): ReplyQuote {
    const event = this.#room.findEventById(eventId) ?? this.#fetched.get(eventId);
    if (event === undefined) void this.#fetch(eventId, forEvent);
    if (!event) return { eventId, senderName: "", text: null };
    const content = contentOf(event);
    const senderName = person(this.#room, event.getSender() ?? "").name;
    return { eventId, senderName, text: content ? summaryOf(content) : "" };
  }

  async #fetch(eventId: string, forEvent: string): Promise<void> {
    if (this.#fetched.size >= MAX_FETCHED) return;
    this.#fetched.set(eventId, null);
    try {
      const event = new MatrixEvent(await this.#client.fetchRoomEvent(this.#room.roomId, eventId));
      await this.#client.decryptEventIfNeeded(event);
      this.#fetched.set(eventId, event);
      this.#changed(forEvent);
    } catch {
      // Stays without original: the view says it is not available.
    }
  }
}
