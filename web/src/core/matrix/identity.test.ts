// SPDX-License-Identifier: Apache-2.0
/** Without this: a new account can neither write nor read, or a second device takes the identity away from the first. */
import { type AuthDict, MatrixError, type MatrixClient, type UIAuthCallback } from "matrix-js-sdk";
import type { CryptoApi } from "matrix-js-sdk/lib/crypto-api";
import { describe, expect, test } from "vitest";
import { ensureBackup, ensureIdentity, UNASKED } from "./identity.ts";

interface World {
  /** The server shows cross-signing keys of the account. */
  readonly published: boolean;
  /** This device has an identity in its store, perhaps one that never reached the server. */
  readonly known: boolean;
  /** It has the private halves. */
  readonly held: boolean;
  readonly signed: boolean;
}

async function done(world: World, upload: UIAuthCallback<void> = UNASKED): Promise<{ readonly calls: string[]; readonly sent: (AuthDict | null)[] }> {
  const calls: string[] = [];
  const sent: (AuthDict | null)[] = [];
  const crypto = {
    userHasCrossSigningKeys: async () => world.known,
    getDeviceVerificationStatus: async () => ({ crossSigningVerified: world.signed }),
    getCrossSigningStatus: async () => ({ privateKeysCachedLocally: { masterKey: world.held, selfSigningKey: world.held, userSigningKey: world.held } }),
    crossSignDevice: async (id: string) => { calls.push(`sign ${id}`); },
    bootstrapCrossSigning: async (options: { setupNewCrossSigning: boolean; authUploadDeviceSigningKeys: UIAuthCallback<void> }) => {
      calls.push(options.setupNewCrossSigning ? "new" : "perhaps");
      await options.authUploadDeviceSigningKeys(async (auth) => {
        sent.push(auth);
        if (world.published) throw new MatrixError({ errcode: "M_FORBIDDEN", flows: [{ stages: ["m.login.password"] }] }, 401);
      });
    },
  } as unknown as CryptoApi;
  const client = {
    getSafeUserId: () => "@a:x", getDeviceId: () => "D",
    downloadKeysForUsers: async () => ({ master_keys: world.published ? { "@a:x": {} } : {} }),
  } as unknown as MatrixClient;
  await ensureIdentity(client, crypto, upload).catch((error: unknown) => { calls.push(`refused ${(error as MatrixError).httpStatus ?? ""}`); });
  return { calls, sent };
}

describe("the identity of an account", () => {
  test("is made where there is none, and nobody is asked", async () => {
    expect(await done({ published: false, known: false, held: false, signed: false })).toEqual({ calls: ["new"], sent: [null] });
  });

  test("is left alone where another device made it", async () => {
    expect(await done({ published: true, known: true, held: false, signed: false })).toEqual({ calls: [], sent: [] });
  });

  test("is left alone where all is well", async () => {
    expect(await done({ published: true, known: true, held: true, signed: true })).toEqual({ calls: [], sent: [] });
  });

  test("signs this device where the page went away before it did", async () => {
    expect(await done({ published: true, known: true, held: true, signed: false })).toEqual({ calls: ["sign D"], sent: [] });
  });

  test("is made anew where the page went away before the server had it", async () => {
    expect(await done({ published: false, known: true, held: true, signed: false })).toEqual({ calls: ["new"], sent: [null] });
  });

  test("is not replaced when another device was faster: the server's question is not answered", async () => {
    expect(await done({ published: true, known: false, held: false, signed: false })).toEqual({ calls: ["new", "refused 401"], sent: [null] });
  });
});

/** What is done about the backup, when this device holds the identity or not and the server answers so. */
async function backedUp(held: boolean, active: string | null, answer: () => Promise<unknown>): Promise<string[]> {
  const calls: string[] = [];
  const crypto = {
    getCrossSigningStatus: async () => ({ privateKeysCachedLocally: { masterKey: held, selfSigningKey: held, userSigningKey: held } }),
    getActiveSessionBackupVersion: async () => active,
    resetKeyBackup: async () => { calls.push("new"); },
  } as unknown as CryptoApi;
  const client = { http: { authedRequest: (method: string, path: string) => { calls.push(`${method} ${path}`); return answer(); } } } as unknown as MatrixClient;
  await ensureBackup(client, crypto).catch((error: unknown) => { calls.push(`refused ${(error as MatrixError).httpStatus ?? ""}`); });
  return calls;
}

const refusing = (errcode: string, status: number) => (): Promise<never> => Promise.reject(new MatrixError({ errcode }, status));

describe("the backup of message keys", () => {
  test("is made where the server says that there is none", async () => {
    expect(await backedUp(true, null, refusing("M_NOT_FOUND", 404))).toEqual(["GET /room_keys/version", "new"]);
  });

  test("is left alone where the server has one that this device cannot open: making one deletes it", async () => {
    expect(await backedUp(true, null, async () => ({ version: "1" }))).toEqual(["GET /room_keys/version"]);
  });

  test.each([["M_UNKNOWN", 503], ["M_UNRECOGNIZED", 404], ["M_LIMIT_EXCEEDED", 429]] as const)("is not made on an answer that says nothing of it: %s", async (errcode, status) => {
    expect(await backedUp(true, null, refusing(errcode, status))).toEqual(["GET /room_keys/version", `refused ${status}`]);
  });

  test("is made by no device that does not hold the identity, and not twice", async () => {
    expect(await backedUp(false, null, refusing("M_NOT_FOUND", 404))).toEqual([]);
    expect(await backedUp(true, "1", refusing("M_NOT_FOUND", 404))).toEqual([]);
  });
});
