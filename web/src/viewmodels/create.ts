// SPDX-License-Identifier: Apache-2.0
/** Starting a conversation: find a person, create a room, or enter a public one. */
import type { Core, PublicRoom } from "../core/port/core.ts";
import { type Contact, type DirectoryPerson, emailAddress, type InviteTarget } from "../core/port/invites.ts";
import type { RoomKind } from "../core/port/rooms.ts";
import type { FailureKind } from "../core/port/session.ts";
import { ViewModel } from "./base.ts";
import { kindOf } from "./failure.ts";
import { InviteesViewModel, type InviteesSnapshot, NOBODY, SEARCH_REST_MS, sendable, targetOf } from "./invitees.ts";

export type CreateStep = "people" | "room" | "explore" | "made";

export interface CreateSnapshot {
  readonly step: CreateStep;
  readonly query: string;
  readonly searching: boolean;
  readonly people: readonly DirectoryPerson[] | null;
  /** The address that was typed and has no account here; what writing to it comes to. */
  readonly address: (Contact & { readonly kind: "address" }) | null;
  readonly rooms: readonly PublicRoom[] | null;
  readonly kind: RoomKind;
  /** Whether guests may come in, and whether this server lets one choose. */
  readonly guests: boolean;
  readonly guestsChoice: boolean;
  /** Guests are among those to invite, and the room would not take them. */
  readonly guestsMissing: boolean;
  /** The account is a guest's, who starts no conversations. */
  readonly guest: boolean;
  /** Whether this server sends invitations by mail. */
  readonly mail: boolean;
  readonly name: string;
  readonly nameMissing: boolean;
  readonly topic: string;
  readonly invitees: InviteesSnapshot;
  /** The room that was made, while it is said who could not be invited. */
  readonly made: string | null;
  readonly busy: boolean;
  readonly failure: FailureKind | null;
}

const START: CreateSnapshot = {
  step: "people", query: "", searching: false, people: null, address: null, rooms: null, kind: "secure", guests: false, guestsChoice: false,
  guestsMissing: false, mail: false, guest: false, name: "", nameMissing: false, topic: "", invitees: NOBODY, made: null, busy: false, failure: null,
};

export class CreateViewModel extends ViewModel<CreateSnapshot> {
  readonly #core: Core;
  readonly #open: (roomId: string) => void;
  readonly invitees: InviteesViewModel;
  #turn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(core: Core, open: (roomId: string) => void) {
    super(START);
    this.#core = core;
    this.#open = open;
    const me = core.account.userId;
    this.invitees = new InviteesViewModel({ directory: core.directory, inside: () => new Set([me]), mail: () => core.allowances.get().mail });
    this.follow(core.allowances, ({ accessRules, mail, guest }) => this.merge({ guestsChoice: accessRules, mail, guest }));
    this.follow(this.invitees, (invitees) => { this.merge({ invitees }); this.#weighGuests(); });
    this.undo.add(() => { clearTimeout(this.#timer); this.invitees.dispose(); });
  }

  #weighGuests(): void {
    const { kind, guests, guestsChoice, invitees } = this.get();
    this.merge({ guestsMissing: guestsChoice && !(kind === "secure" && guests) && invitees.entries.some((one) => one.fate === "guest") });
  }

  setStep = (step: "people" | "room" | "explore"): void => {
    this.merge({ step, query: "", people: null, address: null, failure: null });
    if (step === "explore") void this.#look("", ++this.#turn);
  };

  setQuery = (query: string): void => {
    const turn = ++this.#turn;
    clearTimeout(this.#timer);
    const wanted = this.get().step === "explore" || query.trim().length > 1;
    this.merge({ query, failure: null, address: null, searching: wanted });
    if (!wanted) return this.merge({ people: null });
    this.#timer = setTimeout(() => void this.#look(query, turn), SEARCH_REST_MS);
  };

  async #look(query: string, turn: number): Promise<void> {
    try {
      const change = await this.#found(query);
      if (turn === this.#turn) this.merge({ ...change, searching: false });
    } catch (error) {
      if (turn === this.#turn) this.merge({ searching: false, failure: kindOf(error) });
    }
  }

  async #found(query: string): Promise<Partial<CreateSnapshot>> {
    const { directory } = this.#core;
    if (this.get().step === "explore") return { rooms: await directory.publicRooms(query) };
    const address = emailAddress(query);
    if (address === null) return { people: await directory.people(query), address: null };
    const contact = await directory.contact(address);
    return contact.kind === "person" ? { people: [contact.person], address: null } : { people: null, address: contact };
  }

  setKind = (kind: RoomKind): void => { this.merge({ kind }); this.#weighGuests(); };
  setGuests = (guests: boolean): void => { this.merge({ guests }); this.#weighGuests(); };
  setName = (name: string): void => this.merge({ name, nameMissing: false });
  setTopic = (topic: string): void => this.merge({ topic });

  /** Opens the direct conversation with somebody, or makes it. */
  write = (target: InviteTarget): Promise<void> =>
    this.#run(async () => this.#open(await this.#core.rooms.createDirect(target)));

  create = async (): Promise<void> => {
    this.invitees.commit();
    const { name, topic, kind, guests, guestsMissing, invitees } = this.get();
    this.merge({ nameMissing: name.trim() === "" });
    const unsure = invitees.entries.some((one) => one.fate === "checking");
    if (name.trim() === "" || guestsMissing || unsure) return;
    const invited = invitees.entries.filter(sendable);
    await this.#run(async () => {
      const { id, refused } = await this.#core.rooms.create({ name, topic, kind, guests: kind === "secure" && guests, invite: invited.map(targetOf) });
      for (const { target, failure } of refused) this.invitees.refuse(target, failure);
      if (refused.length === 0) return this.#open(id);
      for (const entry of this.get().invitees.entries) if (entry.outcome === "waiting") this.invitees.remove(entry.key);
      this.merge({ step: "made", made: id });
    });
  };

  /** Goes on to the room that was made. */
  openMade = (): void => {
    const { made } = this.get();
    if (made) this.#open(made);
  };

  enter = (room: PublicRoom): Promise<void> =>
    this.#run(async () => this.#open(room.joined ? room.id : await this.#core.rooms.joinByAddress(room.id)));

  async #run(act: () => Promise<void>): Promise<void> {
    if (this.get().busy) return;
    this.merge({ busy: true, failure: null });
    try {
      await act();
    } catch (error) {
      this.merge({ failure: kindOf(error) });
    } finally {
      this.merge({ busy: false });
    }
  }
}
