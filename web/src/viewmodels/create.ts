// SPDX-License-Identifier: Apache-2.0
/** Starting a conversation: find a person, create a room, or enter a public one. */
import type { Core, DirectoryPerson, PublicRoom } from "../core/port/core.ts";
import type { RoomKind } from "../core/port/rooms.ts";
import type { FailureKind } from "../core/port/session.ts";
import { ViewModel } from "./base.ts";
import { kindOf } from "./failure.ts";

export type CreateStep = "people" | "room" | "explore";

export interface CreateSnapshot {
  readonly step: CreateStep;
  readonly query: string;
  readonly searching: boolean;
  readonly people: readonly DirectoryPerson[] | null;
  readonly rooms: readonly PublicRoom[] | null;
  readonly kind: RoomKind;
  readonly name: string;
  readonly nameMissing: boolean;
  readonly topic: string;
  readonly invitees: readonly DirectoryPerson[];
  readonly busy: boolean;
  readonly failure: FailureKind | null;
}

export class CreateViewModel extends ViewModel<CreateSnapshot> {
  readonly #core: Core;
  readonly #open: (roomId: string) => void;
  #turn = 0;

  constructor(core: Core, open: (roomId: string) => void) {
    super({
      step: "people", query: "", searching: false, people: null, rooms: null, kind: "secure", name: "",
      nameMissing: false, topic: "", invitees: [], busy: false, failure: null,
    });
    this.#core = core;
    this.#open = open;
  }

  setStep = (step: CreateStep): void => {
    this.merge({ step, query: "", people: null, failure: null });
    if (step === "explore") void this.setQuery("");
  };

  setQuery = async (query: string): Promise<void> => {
    const turn = ++this.#turn;
    const explore = this.get().step === "explore";
    this.merge({ query, failure: null, searching: explore || query.trim().length > 1 });
    if (!explore && query.trim().length < 2) return this.merge({ people: null });
    try {
      const change = explore
        ? { rooms: await this.#core.directory.publicRooms(query) }
        : { people: await this.#core.directory.people(query) };
      if (turn === this.#turn) this.merge({ ...change, searching: false });
    } catch (error) {
      if (turn === this.#turn) this.merge({ searching: false, failure: kindOf(error) });
    }
  };

  setKind = (kind: RoomKind): void => this.merge({ kind });
  setName = (name: string): void => this.merge({ name, nameMissing: false });
  setTopic = (topic: string): void => this.merge({ topic });

  /** Choosing a person opens a direct conversation, or adds them to the room being created. */
  choose = (person: DirectoryPerson): Promise<void> => {
    if (this.get().step !== "room") return this.#run(() => this.#core.rooms.createDirect(person.id));
    const { invitees } = this.get();
    const known = invitees.some((one) => one.id === person.id);
    this.merge({ invitees: known ? invitees : [...invitees, person], query: "", people: null });
    return Promise.resolve();
  };

  removeInvitee = (id: string): void =>
    this.merge({ invitees: this.get().invitees.filter((one) => one.id !== id) });

  create = (): Promise<void> => {
    const { name, topic, kind, invitees } = this.get();
    if (name.trim() === "") {
      this.merge({ nameMissing: true });
      return Promise.resolve();
    }
    return this.#run(() => this.#core.rooms.create({ name, topic, kind, invite: invitees.map((one) => one.id) }));
  };

  enter = (room: PublicRoom): Promise<void> =>
    this.#run(() => (room.joined ? Promise.resolve(room.id) : this.#core.rooms.joinByAddress(room.id)));

  async #run(act: () => Promise<string>): Promise<void> {
    if (this.get().busy) return;
    this.merge({ busy: true, failure: null });
    try {
      this.#open(await act());
    } catch (error) {
      this.merge({ failure: kindOf(error) });
    } finally {
      this.merge({ busy: false });
    }
  }
}
