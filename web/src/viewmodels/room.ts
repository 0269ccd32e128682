// SPDX-License-Identifier: Apache-2.0
/** A conversation's head and its panel: details, members, rights, leaving. */
import type { Core, DirectoryPerson } from "../core/port/core.ts";
import type { Member, NotificationLevel, Role, RoomDetails, RoomPort } from "../core/port/rooms.ts";
import type { FailureKind } from "../core/port/session.ts";
import { ViewModel } from "./base.ts";
import { kindOf } from "./failure.ts";
import { score } from "./search.ts";

export interface RoomSnapshot {
  readonly details: RoomDetails;
  readonly panelOpen: boolean;
  readonly memberQuery: string;
  readonly members: readonly Member[];
  readonly inviteQuery: string;
  readonly inviteResults: readonly DirectoryPerson[];
  readonly lastAdmin: boolean;
  readonly otherVerified: boolean;
  readonly busy: boolean;
  readonly failure: FailureKind | "emailUnsupported" | null;
}

export class RoomViewModel extends ViewModel<RoomSnapshot> {
  readonly #core: Core;
  /** The conversation itself, for the composer that shares it. */
  readonly port: RoomPort;
  readonly #room: RoomPort;
  #search = 0;

  constructor(core: Core, room: RoomPort) {
    const details = room.details.get();
    super({
      details, panelOpen: false, memberQuery: "", members: [], inviteQuery: "", inviteResults: [],
      lastAdmin: false, otherVerified: false, busy: false, failure: null,
    });
    this.#core = core;
    this.#room = room;
    this.port = room;
    this.follow(room.details, () => this.#show());
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
      members: details.members.filter((member) => score(`${member.name} ${member.id}`, memberQuery) > 0),
      lastAdmin: !details.direct && details.memberCount > 1 && admins.length === 1 && details.myPower >= 100,
    });
  }

  togglePanel = (): void => this.merge({ panelOpen: !this.get().panelOpen, failure: null });
  closePanel = (): void => this.merge({ panelOpen: false, failure: null });
  searchMembers = (memberQuery: string): void => { this.merge({ memberQuery }); this.#show(); };

  searchInvite = async (inviteQuery: string): Promise<void> => {
    this.merge({ inviteQuery, failure: null });
    const turn = ++this.#search;
    if (inviteQuery.trim().length < 2) return this.merge({ inviteResults: [] });
    const found = await this.#core.directory.people(inviteQuery).catch(() => []);
    if (turn !== this.#search) return;
    const inside = new Set(this.get().details.members.filter((one) => one.membership !== "ban").map((one) => one.id));
    this.merge({ inviteResults: found.filter((person) => !inside.has(person.id)) });
  };

  invite = async (target: string): Promise<void> => {
    const email = /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(target.trim());
    await this.#try(() => this.#room.invite(target), email);
    if (this.get().failure === null) this.merge({ inviteQuery: "", inviteResults: [] });
  };

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

  async #try(act: () => Promise<void>, email = false): Promise<void> {
    this.merge({ busy: true, failure: null });
    try {
      await act();
    } catch (error) {
      const kind = kindOf(error);
      this.merge({ failure: email && kind === "unsupported" ? "emailUnsupported" : kind });
    } finally {
      this.merge({ busy: false });
    }
  }
}
