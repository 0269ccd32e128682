// SPDX-License-Identifier: Apache-2.0
/** What the server says this account may do (client-server API, "Capabilities negotiation"). */
import type { MatrixClient } from "matrix-js-sdk";
import type { Allowances } from "../port/invites.ts";

type Json = Readonly<Record<string, unknown>>;

export const PLAIN: Allowances = { mail: false, guest: false, accessRules: false, rename: true };

/** A server that says nothing of these is a plain Matrix server. */
export function readAllowances(capabilities: Json): Allowances {
  const of = (name: string): Json => (typeof capabilities[name] === "object" && capabilities[name] !== null ? capabilities[name] as Json : {});
  const fields = of("m.profile_fields");
  const barred = fields["enabled"] === false || (Array.isArray(fields["disallowed"]) && fields["disallowed"].includes("displayname"))
    || (Array.isArray(fields["allowed"]) && !fields["allowed"].includes("displayname")) || of("m.set_displayname")["enabled"] === false;
  return {
    mail: of("org.estafette.third_party_invites")["enabled"] === true,
    guest: of("org.estafette.account")["guest"] === true,
    accessRules: of("im.vector.room.access_rules")["enabled"] === true,
    rename: !barred,
  };
}

export async function fetchAllowances(client: MatrixClient): Promise<Allowances> {
  return readAllowances(await client.getCapabilities() as Json);
}
