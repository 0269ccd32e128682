// SPDX-License-Identifier: Apache-2.0
/** Whom one can invite, and what an invitation to an address comes to. */
import type { Person } from "./timeline.ts";

export interface DirectoryPerson extends Person {
  /** The organisation shown beside the name. */
  readonly organisation: string;
}

/**
 * Who stands behind an e-mail address that has no account here:
 * - `agent`, `guest`: a mail invites them, to an account of this server;
 * - `elsewhere`: their organisation has its own server;
 * - `nobody`: no account is expected from this address;
 * - `unknown`: the server does not say.
 */
export type Standing = "agent" | "guest" | "elsewhere" | "nobody" | "unknown";

export type Contact =
  | { readonly kind: "person"; readonly person: DirectoryPerson }
  | { readonly kind: "address"; readonly address: string; readonly standing: Standing; readonly organisation: string };

export type InviteTarget = { readonly userId: string } | { readonly address: string };

/** An invitation by mail that nobody has used yet. */
export interface PendingInvite {
  readonly token: string;
  /** The address where this person sent it; else what the room tells of it, `p...@g...`. */
  readonly label: string;
  /** What it can be sent to again; null when somebody else wrote the address. */
  readonly address: string | null;
  readonly by: Person;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What this server lets this account do. */
export interface Allowances {
  /** Inviting by e-mail address. */
  readonly mail: boolean;
  /** The account is a guest's: no rooms of one's own, no directory, no inviting. */
  readonly guest: boolean;
  /** The server keeps guests out of rooms that are not open to them. */
  readonly accessRules: boolean;
  /** The display name may be changed by its owner. */
  readonly rename: boolean;
}

/** A whole address, as the server takes them; its letters are lower case. */
export function emailAddress(typed: string): string | null {
  const address = typed.trim().toLowerCase();
  return /^[^\s@<>(),;:"\\[\]]+@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/.test(address)
    && address.length <= 254 ? address : null;
}

/** A whole Matrix identifier. */
export function userIdentifier(typed: string): string | null {
  const id = typed.trim();
  return /^@[^:\s]+:\S+$/.test(id) ? id : null;
}

/** A State's servers write the organisation behind the name: "Jane Smith [Intérieur]". */
export function splitName(displayName: string): { name: string; organisation: string } {
  const match = /^(.*\S)\s*\[([^[\]]+)\]\s*$/.exec(displayName);
  return { name: (match?.[1] ?? displayName).trim(), organisation: match?.[2]?.trim() ?? "" };
}
