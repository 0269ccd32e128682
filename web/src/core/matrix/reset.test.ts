// SPDX-License-Identifier: Apache-2.0
// @vitest-environment jsdom
import { MatrixError, type MatrixClient } from "matrix-js-sdk";
import type { CryptoApi } from "matrix-js-sdk/lib/crypto-api";
import { expect, test } from "vitest";
import type { Confirmation } from "../port/encryption.ts";
import { resetIdentity } from "./reset.ts";

const client = { getSafeUserId: () => "@a:x" } as unknown as MatrixClient;
type Auth = (request: (auth: Record<string, unknown> | null) => Promise<unknown>) => Promise<unknown>;

/** A cryptography whose keys are lost to the old identity `lost` times before they stay. */
function make(lost: number, stage = "m.login.password") {
  const calls: string[] = [];
  let made = 0;
  const publish = async (auth: Auth): Promise<void> => {
    await auth(async (given) => {
      const right = stage === "m.oauth" ? given?.["session"] === "S" : given?.["password"] === "right";
      if (!right) throw new MatrixError({ session: "S", flows: [{ stages: [stage] }], params: { "m.oauth": { url: "https://x/again" } } } as never, 401);
      return {};
    });
    made += 1;
  };
  const crypto = {
    resetEncryption: async (auth: Auth) => { calls.push("reset"); await publish(auth); },
    bootstrapCrossSigning: async (options: { authUploadDeviceSigningKeys: Auth }) => { calls.push("again"); await publish(options.authUploadDeviceSigningKeys); },
    getCrossSigningStatus: async () => {
      const held = made > lost;
      return { privateKeysCachedLocally: { masterKey: held, selfSigningKey: held, userSigningKey: held } };
    },
  } as unknown as CryptoApi;
  return { crypto, calls };
}

function answering(words: (string | null)[], pages: boolean[] = []) {
  const asked: string[] = [];
  const confirmation: Confirmation = {
    password: async () => { asked.push("password"); return words.shift() ?? null; },
    page: async (url) => { asked.push(url); return pages.shift() ?? false; },
  };
  return { asked, confirmation };
}

test("who gives up before the reset loses nothing", async () => {
  const { crypto, calls } = make(0);
  await expect(resetIdentity(client, crypto, answering([null]).confirmation, null)).rejects.toMatchObject({ kind: "forbidden" });
  await expect(resetIdentity(client, crypto, answering([], [false]).confirmation, "https://x/reset")).rejects.toMatchObject({ kind: "forbidden" });
  expect(calls).toEqual([]);
});

test("keys that an old identity pushed out are made again, and nothing is asked twice", async () => {
  const { crypto, calls } = make(2);
  const { asked, confirmation } = answering(["right"]);
  await resetIdentity(client, crypto, confirmation, null);
  expect(calls).toEqual(["reset", "again", "again"]);
  expect(asked).toEqual(["password"]);
});

test("a wrong password is asked for again, and the right one remembered", async () => {
  const { crypto } = make(1);
  const { asked, confirmation } = answering(["wrong", "right"]);
  await resetIdentity(client, crypto, confirmation, null);
  expect(asked).toEqual(["password", "password"]);
});

test("on the server's pages: one visit, before anything is touched", async () => {
  const { crypto, calls } = make(1, "m.oauth");
  const { asked, confirmation } = answering([], [true]);
  await resetIdentity(client, crypto, confirmation, "https://x/reset");
  expect(asked).toEqual(["https://x/reset"]);
  expect(calls).toEqual(["reset", "again"]);
});

test("an identity that never stays is a failure, not an endless wait", async () => {
  const { crypto, calls } = make(99);
  await expect(resetIdentity(client, crypto, answering(["right"]).confirmation, null)).rejects.toMatchObject({ kind: "internal" });
  expect(calls.length).toBe(4);
});
