// SPDX-License-Identifier: Apache-2.0
/** The settings that concern the account: profile, devices, keys, password. */
import type { Core, Losses } from "../core/port/core.ts";
import type { Confirmation, Device } from "../core/port/encryption.ts";
import type { FailureKind } from "../core/port/session.ts";
import type { Person } from "../core/port/timeline.ts";
import { ViewModel } from "./base.ts";
import { kindOf } from "./failure.ts";

export type SettingsNotice =
  | { readonly kind: "exported" } | { readonly kind: "imported"; readonly count: number }
  | { readonly kind: "passwordChanged" } | { readonly kind: "failure"; readonly failure: FailureKind }
  | { readonly kind: "wrongPassphrase" };

export interface SettingsSnapshot {
  readonly me: Person;
  readonly devices: readonly Device[] | null;
  readonly busy: boolean;
  readonly notice: SettingsNotice | null;
  /** True while the server waits for the password before going on. */
  readonly passwordAsked: boolean;
  readonly passwordAgain: boolean;
  /** A page of the server that has to be visited first; null when none is waited for. */
  readonly pageAsked: string | null;
  /** Where the account is managed, when it is not here. */
  readonly accountPage: string | null;
  readonly persisted: boolean | null;
  /** What a sign-out would lose: null while nobody asks, `checking` until it is known. */
  readonly losses: Losses | "checking" | null;
  /** The server cannot be told of a sign-out now. */
  readonly offline: boolean;
  /** The display name may be changed here. */
  readonly mayRename: boolean;
}

/** Longest wait for what a sign-out would lose, and how often it is looked at again, in milliseconds. */
const CHECK_MS = 10_000;
const AGAIN_MS = 1_500;
const UNKNOWN: Losses = { unsent: null, keys: null, saving: false };

/** What the browser offers for keeping data; the application gives the real one. */
export interface PersistentStorage {
  persisted(): Promise<boolean>;
  persist(): Promise<boolean>;
}

export class SettingsViewModel extends ViewModel<SettingsSnapshot> {
  readonly #core: Core;
  readonly #storage: PersistentStorage;
  #answerPage: ((visited: boolean) => void) | null = null;
  #answer: ((password: string | null) => void) | null = null;
  #asked = 0;
  #checks = 0;
  #checkAgain: ReturnType<typeof setTimeout> | undefined;

  constructor(core: Core, storage: PersistentStorage) {
    super({
      me: core.profile.me.get(), devices: null, busy: false, notice: null, passwordAsked: false,
      passwordAgain: false, pageAsked: null, accountPage: null, persisted: null, losses: null, offline: false, mayRename: true,
    });
    this.#core = core;
    this.#storage = storage;
    this.follow(core.profile.me, (me) => this.merge({ me }));
    this.undo.add(core.unsent.subscribe(() => { if (this.get().losses !== null) void this.#check(); }));
    this.undo.add(() => this.stayHere());
    this.follow(core.connection, (connection) => this.merge({ offline: connection === "offline" || connection === "starting" }));
    this.follow(core.allowances, ({ rename }) => this.merge({ mayRename: rename }));
    this.follow(core.encryption.status, () => void this.#loadDevices());
    void core.profile.accountPage().then((accountPage) => this.merge({ accountPage }), () => undefined);
    void storage.persisted().then((persisted) => this.merge({ persisted }), () => undefined);
  }

  async #loadDevices(): Promise<void> {
    const devices = await this.#core.encryption.devices().catch(() => null);
    if (devices) this.merge({ devices: [...devices].sort((a, b) => Number(b.current) - Number(a.current) || (b.lastSeen ?? 0) - (a.lastSeen ?? 0)) });
  }

  /** The person thinks of signing out: says what that would lose, until it loses nothing or they stay. */
  thinkOfLeaving = (): void => {
    this.merge({ losses: "checking" });
    void this.#check();
  };

  stayHere = (): void => {
    clearTimeout(this.#checkAgain);
    this.#checks += 1;
    this.merge({ losses: null });
  };

  async #check(): Promise<void> {
    clearTimeout(this.#checkAgain);
    this.#checks += 1;
    const check = this.#checks;
    const tooLong = new Promise<Losses>((resolve) => { this.#checkAgain = setTimeout(() => resolve(UNKNOWN), CHECK_MS); });
    const losses = await Promise.race([this.#core.losses().catch(() => UNKNOWN), tooLong]);
    if (check !== this.#checks) return;
    clearTimeout(this.#checkAgain);
    this.merge({ losses });
    if (losses.unsent !== 0 || losses.keys !== 0) this.#checkAgain = setTimeout(() => void this.#check(), AGAIN_MS);
  }

  askPersistence = async (): Promise<void> => this.merge({ persisted: await this.#storage.persist() });

  setName = (name: string): Promise<void> =>
    name.trim() === "" || name.trim() === this.get().me.name ? Promise.resolve() : this.#try(() => this.#core.profile.setName(name));

  setAvatar = (file: File): Promise<void> => this.#try(() => this.#core.profile.setAvatar(file));

  verifyDevice = (id: string): Promise<void> => this.#try(() => this.#core.encryption.verifyDevice(id));

  renameDevice = (id: string, name: string): Promise<void> => this.#try(async () => {
    await this.#core.encryption.renameDevice(id, name.trim());
    await this.#loadDevices();
  });

  removeDevice = (id: string): Promise<void> => this.#try(async () => {
    this.#asked = 0;
    const page = await this.#core.profile.accountPage(id);
    if (page === null) await this.#core.encryption.removeDevice(id, this.#confirmation);
    else await this.#askPage(page);
    await this.#loadDevices();
  });

  readonly #askPage = (url: string): Promise<boolean> => {
    this.merge({ pageAsked: url });
    return new Promise((resolve) => { this.#answerPage = resolve; });
  };

  readonly #confirmation: Confirmation = {
    password: () => {
      this.merge({ passwordAsked: true, passwordAgain: this.#asked > 0 });
      this.#asked += 1;
      return new Promise((resolve) => { this.#answer = resolve; });
    },
    page: this.#askPage,
  };

  answerPage = (visited: boolean): void => {
    this.merge({ pageAsked: null });
    this.#answerPage?.(visited);
    this.#answerPage = null;
  };

  answerPassword = (password: string | null): void => {
    this.merge({ passwordAsked: false });
    this.#answer?.(password);
    this.#answer = null;
  };

  changePassword = (current: string, next: string): Promise<void> => this.#try(async () => {
    await this.#core.profile.changePassword(current, next);
    this.merge({ notice: { kind: "passwordChanged" } });
  });

  /** Answers the file to save, or null when it could not be made. */
  exportKeys = async (passphrase: string): Promise<Blob | null> => {
    let blob: Blob | null = null;
    await this.#try(async () => {
      blob = await this.#core.encryption.exportKeys(passphrase);
      this.merge({ notice: { kind: "exported" } });
    });
    return blob;
  };

  importKeys = (file: File, passphrase: string): Promise<void> => this.#try(async () => {
    try {
      this.merge({ notice: { kind: "imported", count: await this.#core.encryption.importKeys(file, passphrase) } });
    } catch (error) {
      if (kindOf(error) !== "credentials") throw error;
      this.merge({ notice: { kind: "wrongPassphrase" } });
    }
  });

  async #try(act: () => Promise<void>): Promise<void> {
    this.merge({ busy: true, notice: null });
    try {
      await act();
    } catch (error) {
      this.merge({ notice: { kind: "failure", failure: kindOf(error) } });
    } finally {
      this.merge({ busy: false });
    }
  }
}
