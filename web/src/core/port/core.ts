// SPDX-License-Identifier: Apache-2.0
/** Everything the application can ask of one signed-in account. */
import type { Observable } from "./observable.ts";
import type { AccountRef } from "./session.ts";
import type { RoomListPort, RoomPort } from "./rooms.ts";
import type { Person, TimelinePort } from "./timeline.ts";
import type { EncryptionPort } from "./encryption.ts";
import type { PushPort } from "./push.ts";
import type { MediaRef } from "./content.ts";
import type { Allowances, Contact, DirectoryPerson } from "./invites.ts";

/**
 * - `signedOut`: the server ended the session; nothing of it is of use any more;
 * - `locked`: an administrator locked the account; it may be unlocked again;
 * - `lapsed`: the account's time is over until it is renewed;
 * - `busy`: the server asks to be asked less often;
 * - `expired`: the server wants this device to sign in again, and then everything goes on.
 */
export type Connection = "starting" | "online" | "offline" | "signedOut" | "expired" | "locked" | "lapsed" | "busy";

export type { DirectoryPerson };

export interface PublicRoom {
  readonly id: string;
  readonly name: string;
  readonly topic: string;
  readonly alias: string | null;
  readonly avatar: string | null;
  readonly members: number;
  readonly joined: boolean;
}

export interface DirectoryPort {
  people(query: string): Promise<readonly DirectoryPerson[]>;
  /** Who has this e-mail address, or what inviting it comes to. */
  contact(address: string): Promise<Contact>;
  publicRooms(query: string): Promise<readonly PublicRoom[]>;
}

export interface MediaPort {
  /** A local address for the whole file, decrypted if need be. Shared and bounded in number. */
  open(media: MediaRef): Promise<string>;
  /** A local address for an avatar or a preview of about `size` CSS pixels. */
  thumbnail(mxc: string, size: number): Promise<string>;
  save(media: MediaRef): Promise<void>;
  /** Largest upload the server takes, in bytes; null when it does not say. */
  uploadLimit(): Promise<number | null>;
}

/** A message worth telling the person about while the page is not looked at. */
export interface Alert {
  readonly roomId: string;
  readonly eventId: string;
  readonly roomName: string;
  readonly senderName: string;
  readonly text: string;
  readonly sound: boolean;
}

export interface AccountPort {
  readonly me: Observable<Person>;
  setName(name: string): Promise<void>;
  setAvatar(file: File): Promise<void>;
  changePassword(current: string, next: string): Promise<void>;
  /**
   * The server's page for this account, or for signing one device out of it; null for an account
   * that is managed here, with a password.
   */
  accountPage(deviceId?: string): Promise<string | null>;
}

/** What a sign-out would lose now; null where it cannot be told. */
export interface Losses {
  /** Messages not sent, those of earlier visits that wait on the disk included. */
  readonly unsent: number | null;
  /** Keys of messages that this device alone has. */
  readonly keys: number | null;
  /** Whether those keys are on their way to the backup; else nothing saves them. */
  readonly saving: boolean;
}

export interface Core {
  readonly account: AccountRef;
  readonly allowances: Observable<Allowances>;
  readonly connection: Observable<Connection>;
  /** Where a lapsed account is renewed; null where the server names no page. */
  readonly renewalPage: Observable<string | null>;
  readonly rooms: RoomListPort;
  readonly directory: DirectoryPort;
  readonly media: MediaPort;
  readonly encryption: EncryptionPort;
  readonly profile: AccountPort;
  readonly push: PushPort;
  room(roomId: string): RoomPort;
  timeline(roomId: string): TimelinePort;
  /** Messages that still wait to be sent, all conversations together. */
  readonly unsent: Observable<number>;
  /** Whether one of them is not on the disk, and would go with the page. */
  readonly unkept: Observable<boolean>;
  onAlert(listener: (alert: Alert) => void): () => void;
  losses(): Promise<Losses>;
  signOut(): Promise<void>;
  stop(): void;
}
