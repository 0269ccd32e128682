// SPDX-License-Identifier: Apache-2.0
/** People and public rooms search. */
import type { MatrixClient } from "matrix-js-sdk";
import type { DirectoryPerson, DirectoryPort, PublicRoom } from "../port/core.ts";
import { type Contact, emailAddress, splitName, type Standing, userIdentifier } from "../port/invites.ts";
import { CoreError } from "../port/session.ts";
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
    const people = await this.#search(term);
    // What looks like an address finds its owner alone.
    if (emailAddress(term)) return people;
    const exact = await this.#exact(term, people);
    return (exact ? [exact, ...people] : people).filter((one) => one.id !== this.#client.getUserId());
  }

  async #search(term: string): Promise<readonly DirectoryPerson[]> {
    try {
      const found = await guarded(() => this.#client.searchUserDirectory({ term, limit: LIMIT }));
      return found.results.map((one) => toPerson(one.user_id, one.display_name, one.avatar_url));
    } catch (error) {
      // A server without a directory can still be asked about one identifier.
      if (error instanceof CoreError && error.kind === "unsupported") return [];
      throw error;
    }
  }

  /** A complete identifier is offered even when the directory does not list the person. */
  async #exact(term: string, listed: readonly DirectoryPerson[]): Promise<DirectoryPerson | null> {
    const id = userIdentifier(term) ?? (/^[a-z0-9._=/+-]+$/.test(term) ? `@${term}:${serverOf(this.#client.getSafeUserId())}` : null);
    if (!id || listed.some((one) => one.id === id)) return null;
    try {
      const profile = await guarded(() => this.#client.getProfileInfo(id));
      return toPerson(id, profile.displayname, profile.avatar_url);
    } catch {
      return null;
    }
  }

  async contact(address: string): Promise<Contact> {
    const [person] = (await this.#search(address)).filter((one) => one.id !== this.#client.getUserId());
    if (person) return { kind: "person", person };
    return { kind: "address", address, ...await this.#standing(address) };
  }

  /** What this server's policy says of an address; other servers have no such policy. */
  async #standing(address: string): Promise<{ standing: Standing; organisation: string }> {
    const unknown = { standing: "unknown", organisation: "" } as const;
    const url = new URL("/_estafette/identity/v1/lookup", this.#client.baseUrl);
    url.searchParams.set("address", address);
    const response = await fetch(url).catch(() => null);
    const said = await response?.json().catch(() => null) as Partial<Record<string, unknown>> | null | undefined;
    if (response?.status === 404 && said?.["errcode"] === "M_NOT_FOUND") return { standing: "nobody", organisation: "" };
    if (!response?.ok || typeof said?.["homeserver"] !== "string") return unknown;
    const name = said["organisation"];
    const organisation = typeof name === "string" ? name : "";
    if (said["homeserver"] !== serverOf(this.#client.getSafeUserId())) return { standing: "elsewhere", organisation };
    return { standing: said["guest"] === true ? "guest" : "agent", organisation };
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

function toPerson(id: string, name?: string, avatar?: string): DirectoryPerson {
  const said = splitName(name ?? "");
  return { id, name: said.name || localpart(id), avatar: avatar ?? null, organisation: said.organisation || serverOf(id) };
}

const serverOf = (userId: string): string => userId.slice(userId.indexOf(":") + 1);
