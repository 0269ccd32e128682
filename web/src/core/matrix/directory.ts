// SPDX-License-Identifier: Apache-2.0
/** People and public rooms search. */
import type { MatrixClient } from "matrix-js-sdk";
import type { DirectoryPerson, DirectoryPort, PublicRoom } from "../port/core.ts";
import { guarded } from "./errors.ts";
import { localpart } from "./items.ts";

const LIMIT = 30;

export class Directory implements DirectoryPort {
  readonly #client: MatrixClient;

  constructor(client: MatrixClient) {
    this.#client = client;
  }

  async people(query: string): Promise<readonly DirectoryPerson[]> {
    const term = query.trim();
    if (term === "") return [];
    const found = await guarded(() => this.#client.searchUserDirectory({ term, limit: LIMIT }));
    const people = found.results.map((one): DirectoryPerson => ({
      id: one.user_id,
      name: one.display_name || localpart(one.user_id),
      avatar: one.avatar_url ?? null,
      organisation: organisation(one.user_id),
    }));
    const exact = await this.#exact(term, people);
    return (exact ? [exact, ...people] : people).filter((one) => one.id !== this.#client.getUserId());
  }

  /** A complete identifier is offered even when the directory does not list the person. */
  async #exact(term: string, listed: readonly DirectoryPerson[]): Promise<DirectoryPerson | null> {
    if (!/^@[^:\s]+:[^\s]+$/.test(term) || listed.some((one) => one.id === term)) return null;
    const profile = await this.#client.getProfileInfo(term).catch(() => null);
    if (!profile) return null;
    return { id: term, name: profile.displayname || localpart(term), avatar: profile.avatar_url ?? null, organisation: organisation(term) };
  }

  async publicRooms(query: string): Promise<readonly PublicRoom[]> {
    const answer = await guarded(() => this.#client.publicRooms({
      limit: LIMIT, filter: { generic_search_term: query.trim() || undefined },
    }));
    return answer.chunk.map((room) => ({
      id: room.room_id,
      name: room.name ?? room.canonical_alias ?? room.room_id,
      topic: room.topic ?? "",
      alias: room.canonical_alias ?? null,
      avatar: room.avatar_url ?? null,
      members: room.num_joined_members,
      joined: this.#client.getRoom(room.room_id)?.getMyMembership() === "join",
    }));
  }
}

export const organisation = (userId: string): string => userId.slice(userId.indexOf(":") + 1);
