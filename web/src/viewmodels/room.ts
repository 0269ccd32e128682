// SPDX-License-Identifier: Apache-2.0
/** A conversation's head and its panel: details, members, rights, leaving. */
import type { Core } from "../core/port/core.ts";
import type { PendingInvite } from "../core/port/invites.ts";
import type { Member, NotificationLevel, Role, RoomDetails, RoomPort } from "../core/port/rooms.ts";
import type { FailureKind } from "../core/port/session.ts";
import { ViewModel } from "./base.ts";
import { kindOf } from "./failure.ts";
import { InviteesViewModel, type InviteesSnapshot, NOBODY, sendable } from "./invitees.ts";
import { score } from "./search.ts";

export interface RoomSnapshot {
  readonly details: RoomDetails;
  readonly panelOpen: boolean;
  readonly memberQuery: string;
  readonly members: readonly Member[];
  readonly invitees: InviteesSnapshot;
  readonly mayInvite: boolean;
  /** Whom to invite are guests, and the room is not open to them yet. */
  readonly needsOpening: boolean;
  /** The person agrees to open it. */
  readonly opening: boolean;
  /** The address a mail was just sent to once more. */
  readonly sentAgain: string | null;
  readonly lastAdmin: boolean;
  readonly otherVerified: boolean;
  readonly busy: boolean;
  readonly failure: FailureKind | null;
}

export class RoomViewModel extends ViewModel<RoomSnapshot> {
  readonly #core: Core;
  /** The conversation itself, for the composer that shares it. */
  readonly port: RoomPort;
  readonly #room: RoomPort;
  readonly invitees: InviteesViewModel;

  constructor(core: Core, room: RoomPort) {
    const details = room.details.get();
    super({
      details, panelOpen: false, memberQuery: "", members: [], invitees: NOBODY, mayInvite: false, needsOpening: false, opening: false, sentAgain: null,
      lastAdmin: false, otherVerified: false, busy: false, failure: null,
    });
    this.#core = core;
    this.#room = room;
    this.port = room;
    this.invitees = new InviteesViewModel({
      directory: core.directory,
      inside: () => new Set(room.details.get().members.filter((one) => one.membership !== "ban").map((one) => one.id)),
      mail: () => core.allowances.get().mail,
    });
    this.follow(this.invitees, (invitees) => { this.merge({ invitees }); this.#weighOpening(); });
    this.undo.add(() => this.invitees.dispose());
    this.follow(room.details, () => this.#show());
    this.follow(core.allowances, () => this.#show());
    void room.loadMembers().catch(() => undefined);
    const other = details.otherUserId;
    if (other) {
      this.follow(core.encryption.trustChanges, () =>
        void core.encryption.userVerified(other).then((otherVerified) => this.merge({ otherVerified }), () => undefined));
    }
    this.undo.add(() => room.dispose());
  }

  #show(): void {
    const details = this.#room.details.get();
    const { memberQuery } = this.get();
    const admins = details.members.filter((member) => member.membership === "join" && member.power >= 100);
    this.merge({
      details,
      mayInvite: details.rights.invite && !this.#core.allowances.get().guest,
      members: details.members.filter((member) => score(`${member.name} ${member.id}`, memberQuery) > 0),
      lastAdmin: !details.direct && details.memberCount > 1 && admins.length === 1 && details.myPower >= 100,
    });
    this.#weighOpening();
  }

  togglePanel = (): void => this.merge({ panelOpen: !this.get().panelOpen, failure: null, sentAgain: null });
  closePanel = (): void => this.merge({ panelOpen: false, failure: null });
  searchMembers = (memberQuery: string): void => { this.merge({ memberQuery }); this.#show(); };

  #weighOpening(): void {
    const { details, invitees, opening } = this.get();
    const needsOpening = details.guests === "closed" && invitees.entries.some((one) => one.fate === "guest");
    this.merge({ needsOpening, opening: opening && needsOpening });
  }

  setOpening = (opening: boolean): void => this.merge({ opening });

  /** Invites everybody in the field. Where the room must be opened first and is not, nobody is. */
  invite = async (): Promise<void> => {
    this.invitees.commit();
    const { invitees, needsOpening, opening, busy } = this.get();
    const waits = invitees.entries.some((one) => one.fate === "checking");
    if (busy || waits || !invitees.entries.some(sendable) || (needsOpening && !opening)) return;
    await this.#try(async () => {
      if (needsOpening) await this.#room.openToGuests();
      await this.invitees.send((target) => this.#room.invite(target));
    });
  };

  /** Sends the mail of a pending invitation again. */
  inviteAgain = (pending: PendingInvite): Promise<void> => this.#try(async () => {
    const { address } = pending;
    if (address === null) return;
    await this.#room.invite({ address });
    this.merge({ sentAgain: address });
  });

  withdraw = (pending: PendingInvite): Promise<void> => this.#try(() => this.#room.withdraw(pending.token));

  /** Asks the correspondent to compare emoji; the dialog follows from the core. */
  verify = (): Promise<void> => this.#try(async () => {
    const { otherUserId } = this.get().details;
    if (otherUserId) await this.#core.encryption.verifyUser(otherUserId);
  });

  join = (): Promise<void> => this.#try(() => this.#room.join());
  leave = (): Promise<void> => this.#try(() => this.#room.leave());
  kick = (id: string): Promise<void> => this.#try(() => this.#room.kick(id));
  ban = (id: string): Promise<void> => this.#try(() => this.#room.ban(id));
  unban = (id: string): Promise<void> => this.#try(() => this.#room.unban(id));
  setRole = (id: string, role: Role): Promise<void> => this.#try(() => this.#room.setRole(id, role));
  setAvatar = (file: File): Promise<void> => this.#try(() => this.#room.setAvatar(file));
  setFavourite = (on: boolean): Promise<void> => this.#try(() => this.#room.setFavourite(on));
  setNotifications = (level: NotificationLevel): Promise<void> => this.#try(() => this.#room.setNotifications(level));

  rename = (name: string): Promise<void> => {
    const wanted = name.trim();
    return wanted === "" || wanted === this.get().details.name ? Promise.resolve() : this.#try(() => this.#room.rename(wanted));
  };

  setTopic = (topic: string): Promise<void> =>
    topic.trim() === this.get().details.topic ? Promise.resolve() : this.#try(() => this.#room.setTopic(topic.trim()));

  async #try(act: () => Promise<void>): Promise<void> {
    this.merge({ busy: true, failure: null, sentAgain: null });
    try {
      await act();
    } catch (error) {
      this.merge({ failure: kindOf(error) });
    } finally {
      this.merge({ busy: false });
    }
  }
}
