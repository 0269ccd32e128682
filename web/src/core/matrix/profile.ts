// SPDX-License-Identifier: Apache-2.0
/** The signed-in person's own name, picture and password. */
import { type MatrixClient, type User, UserEvent } from "matrix-js-sdk";
import { Cell } from "../port/observable.ts";
import type { AccountPort } from "../port/core.ts";
import type { Person } from "../port/timeline.ts";
import { CoreError } from "../port/session.ts";
import { guarded } from "./errors.ts";
import { localpart } from "./items.ts";
import { passwordAuth } from "./uia.ts";

export class Profile implements AccountPort {
  readonly me: Cell<Person>;
  readonly #client: MatrixClient;

  constructor(client: MatrixClient) {
    this.#client = client;
    const id = client.getSafeUserId();
    this.me = new Cell<Person>({ id, name: localpart(id), avatar: null });
    client.on(UserEvent.DisplayName, (_event, user: User) => this.#take(user));
    client.on(UserEvent.AvatarUrl, (_event, user: User) => this.#take(user));
  }

  #take(user: User): void {
    if (user.userId === this.me.get().id) void this.load();
  }

  async load(): Promise<void> {
    const id = this.#client.getSafeUserId();
    const profile = await this.#client.getProfileInfo(id).catch(() => null);
    if (profile) this.me.set({ id, name: profile.displayname || localpart(id), avatar: profile.avatar_url || null });
  }

  async setName(name: string): Promise<void> {
    await guarded(() => this.#client.setDisplayName(name.trim()));
    await this.load();
  }

  async setAvatar(file: File): Promise<void> {
    await guarded(async () => {
      const { content_uri: url } = await this.#client.uploadContent(file, { includeFilename: false });
      await this.#client.setAvatarUrl(url);
    });
    await this.load();
  }

  async changePassword(current: string, next: string): Promise<void> {
    let asked = false;
    const once = async (): Promise<string | null> => {
      if (asked) throw new CoreError("credentials");
      asked = true;
      return current;
    };
    await guarded(() => passwordAuth<unknown>(this.#client, once)((auth) =>
      this.#client.setPassword(auth ?? {}, next, false)));
  }
}
