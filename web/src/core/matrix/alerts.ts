// SPDX-License-Identifier: Apache-2.0
/** Live messages that the push rules say to tell the person about. */
import { type IRoomTimelineData, type MatrixClient, type MatrixEvent, MatrixEventEvent, type Room, RoomEvent } from "matrix-js-sdk";
import type { Alert } from "../port/core.ts";
import { summaryOf } from "../port/plain-text.ts";
import { contentOf, person } from "./items.ts";

/** Messages older than this are history, not news, in milliseconds. */
const FRESH_MS = 5 * 60_000;

/** A message whose key has not come by then is told of without its text, in milliseconds. */
const KEY_WAIT_MS = 10_000;

export class Alerts {
  readonly #client: MatrixClient;
  readonly #listeners = new Set<(alert: Alert) => void>();

  constructor(client: MatrixClient) {
    this.#client = client;
    client.on(RoomEvent.Timeline, (event: MatrixEvent, room: Room | undefined, toStart, _removed, data: IRoomTimelineData) => {
      if (!room || toStart || !data.liveEvent || client.getSyncState() !== "SYNCING") return;
      if (event.getSender() === client.getUserId() || Date.now() - event.getTs() > FRESH_MS) return;
      void this.#consider(event, room);
    });
  }

  listen(listener: (alert: Alert) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #consider(event: MatrixEvent, room: Room): Promise<void> {
    if (event.isEncrypted()) await this.#client.decryptEventIfNeeded(event);
    if (event.isDecryptionFailure()) this.#tellLater(event, room);
    else this.#tell(event, room);
  }

  /** The key may come after its message, and after several tries. One that does not come is told of without words. */
  #tellLater(event: MatrixEvent, room: Room): void {
    const done = (): void => {
      clearTimeout(timer);
      event.off(MatrixEventEvent.Decrypted, tried);
    };
    const tried = (): void => {
      if (event.isDecryptionFailure()) return;
      done();
      this.#tell(event, room);
    };
    const timer = setTimeout(() => {
      done();
      if (this.#client.getPushActionsForEvent(event, true)?.notify) this.#send(event, room, "");
    }, KEY_WAIT_MS);
    event.on(MatrixEventEvent.Decrypted, tried);
  }

  #tell(event: MatrixEvent, room: Room): void {
    const content = contentOf(event);
    const actions = this.#client.getPushActionsForEvent(event, true);
    if (!content || content.kind === "state" || content.kind === "deleted" || content.kind === "unreadable" || !actions?.notify) return;
    this.#send(event, room, summaryOf(content));
  }

  #send(event: MatrixEvent, room: Room, text: string): void {
    const alert: Alert = {
      roomId: room.roomId, eventId: event.getId() ?? "", roomName: room.name,
      senderName: person(room, event.getSender() ?? "").name, text,
      sound: this.#client.getPushActionsForEvent(event)?.tweaks.sound !== undefined,
    };
    for (const listener of [...this.#listeners]) listener(alert);
  }
}
