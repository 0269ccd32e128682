// SPDX-License-Identifier: Apache-2.0
/** The signed-in person's own name, picture and password. */
import { type MatrixClient, type User, UserEvent } from "matrix-js-sdk";
import { Cell } from "../port/observable.ts";
import type { AccountPort } from "../port/core.ts";
import type { Confirmation } from "../port/encryption.ts";
import type { Person } from "../port/timeline.ts";
import { CoreError } from "../port/session.ts";
import { guarded } from "./errors.ts";
import { localpart } from "./items.ts";
import { confirmed } from "./uia.ts";

export class Profile implements AccountPort {
  readonly me: Cell<Person>;
  readonly #client: MatrixClient;

  readonly #oauth: boolean;

  /** `oauth`: the session was opened on the server's pages, which also hold the account's settings. */
  constructor(client: MatrixClient, oauth: boolean) {
    this.#client = client;
    this.#oauth = oauth;
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
    const once: Confirmation = {
      password: async () => {
        if (asked) throw new CoreError("credentials");
        asked = true;
        return current;
      },
      page: async () => false,
    };
    await guarded(() => confirmed<unknown>(this.#client, once)((auth) =>
      this.#client.setPassword(auth ?? {}, next, false)));
  }

  accountPage(deviceId?: string): Promise<string | null> {
    return this.#page(deviceId ? { action: "org.matrix.device_delete", device_id: deviceId } : {});
  }

  /** Where a new cryptographic identity is allowed. */
  resetPage(): Promise<string | null> {
    return this.#page({ action: "org.matrix.cross_signing_reset" });
  }

  /** Client-server API, "Account management URL discovery". */
  async #page(query: Readonly<Record<string, string>>): Promise<string | null> {
    if (!this.#oauth) return null;
    const metadata = await this.#client.getAuthMetadata().catch(() => null);
    const uri = metadata?.account_management_uri;
    if (!uri || !/^https?:\/\//.test(uri)) return null;
    const url = new URL(uri);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url.href;
  }
}
