// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
/** Without this: what the cryptography refuses on this device is shown as a problem of the server. */
import * as Wasm from "@matrix-org/matrix-sdk-crypto-wasm";
import { ConnectionError, HTTPError, MatrixError, TokenRefreshError } from "matrix-js-sdk";
import { beforeAll, describe, expect, test } from "vitest";
import { CoreError } from "../port/session.ts";
import { kindOf } from "../../viewmodels/failure.ts";
import { isTransient, toCoreError } from "./errors.ts";

const ME = "@camille:exemple.fr";
const OTHER = "@jean:exemple.fr";
const id = (user: string): Wasm.UserId => new Wasm.UserId(user);

/** What a server would show of these people, by what their machines uploaded. */
type Shown = Record<"device_keys" | "master_keys" | "self_signing_keys" | "user_signing_keys", Record<string, unknown>>;

async function device(user: string, name: string): Promise<Wasm.OlmMachine> {
  return Wasm.OlmMachine.initialize(id(user), new Wasm.DeviceId(name));
}

/** Uploads the device and, if wanted, a new identity that signs it. */
async function publish(shown: Shown, machine: Wasm.OlmMachine, identity: boolean): Promise<void> {
  const [user, name] = [machine.userId.toString(), machine.deviceId.toString()];
  const devices = (shown.device_keys[user] ??= {}) as Record<string, unknown>;
  for (const request of await machine.outgoingRequests()) {
    if (!(request instanceof Wasm.KeysUploadRequest)) continue;
    devices[name] = JSON.parse(request.body).device_keys;
    await machine.markRequestAsSent(request.id, request.type, JSON.stringify({ one_time_key_counts: { signed_curve25519: 50 } }));
  }
  if (!identity) return;
  const { uploadSigningKeysRequest, uploadSignaturesRequest } = await machine.bootstrapCrossSigning(true);
  const keys = JSON.parse(uploadSigningKeysRequest.body);
  shown.master_keys[user] = keys.master_key;
  shown.self_signing_keys[user] = keys.self_signing_key;
  shown.user_signing_keys[user] = keys.user_signing_key;
  devices[name] = JSON.parse(uploadSignaturesRequest.body)[user][name] ?? devices[name];
}

async function look(machine: Wasm.OlmMachine, shown: Shown, users: readonly string[]): Promise<void> {
  await machine.updateTrackedUsers(users.map(id));
  const query = machine.queryKeysForUsers(users.map(id));
  await machine.markRequestAsSent(query.id, query.type, JSON.stringify({ ...shown, failures: {} }));
}

/** What comes of sending in an encrypted room, under the rule this client sends by. */
async function refusal(machine: Wasm.OlmMachine, users: readonly string[]): Promise<unknown> {
  const settings = new Wasm.EncryptionSettings();
  settings.sharingStrategy = Wasm.CollectStrategy.identityBasedStrategy();
  return machine.shareRoomKey(new Wasm.RoomId("!salon:exemple.fr"), users.map(id), settings).then(() => null, (error: unknown) => error);
}

const nothing = (): Shown => ({ device_keys: {}, master_keys: {}, self_signing_keys: {}, user_signing_keys: {} });

describe("what the cryptography itself throws", () => {
  beforeAll(() => Wasm.initAsync());

  test("an account without an identity", async () => {
    const [shown, mine] = [nothing(), await device(ME, "A")];
    await publish(shown, mine, false);
    await look(mine, shown, [ME]);
    expect(toCoreError(await refusal(mine, [ME])).kind).toBe("identityMissing");
  });

  test("a device that its account's identity has not signed; signed, it sends", async () => {
    const [shown, mine, second] = [nothing(), await device(ME, "A"), await device(ME, "B")];
    await publish(shown, mine, true);
    await publish(shown, second, false);
    await look(second, shown, [ME]);
    expect(toCoreError(await refusal(second, [ME])).kind).toBe("unconfirmed");
    await look(mine, shown, [ME]);
    expect(await refusal(mine, [ME])).toBeNull();
  });

  test("somebody whose identity was verified, and is another one now", async () => {
    const [shown, mine] = [nothing(), await device(ME, "A")];
    await publish(shown, mine, true);
    await publish(shown, await device(OTHER, "J"), true);
    await look(mine, shown, [ME, OTHER]);
    const verified = await (await mine.getIdentity(id(OTHER)))?.verify();
    shown.master_keys[OTHER] = JSON.parse((verified as Wasm.SignatureUploadRequest).body)[OTHER][masterOf(shown, OTHER)];
    await look(mine, shown, [ME, OTHER]);
    expect(await refusal(mine, [ME, OTHER])).toBeNull();
    await publish(shown, await device(OTHER, "K"), true);
    await look(mine, shown, [ME, OTHER]);
    expect(toCoreError(await refusal(mine, [ME, OTHER])).kind).toBe("recipientChanged");
  });

  test("no refusal is tried again as if the network had failed", async () => {
    const [shown, mine] = [nothing(), await device(ME, "A")];
    await look(mine, shown, [ME]);
    expect(isTransient(await refusal(mine, [ME]))).toBe(false);
  });
});

/** The id of somebody's master key, as signatures are filed under it. */
function masterOf(shown: Shown, user: string): string {
  return Object.values((shown.master_keys[user] as { keys: Record<string, string> }).keys)[0] ?? "";
}

describe("who is said to be the cause", () => {
  test("the server, only for what a server answered", () => {
    expect(toCoreError(new MatrixError({ errcode: "M_UNKNOWN", error: "oops" }, 500)).kind).toBe("server");
    expect(toCoreError(new HTTPError("bad gateway", 502)).kind).toBe("server");
    expect(toCoreError(new MatrixError({ errcode: "M_UNKNOWN" }, 400)).kind).toBe("server");
  });

  test.each([
    new Error("getSecretStorageKey callback returned falsey"), new Error("Cannot encrypt in !r:x for unsupported algorithm 'x'"),
    new Error("importCrossSigningKeys failed to import the keys"), new Error(""), "text", undefined, null, 42,
  ])("this application, for %o", (thrown) => {
    expect(toCoreError(thrown).kind).toBe("internal");
    expect(kindOf(thrown)).toBe("internal");
  });

  test.each([
    new ConnectionError("x"), new TypeError("Failed to fetch"), new TypeError("NetworkError when attempting to fetch resource."),
    new TypeError("Load failed"), new DOMException("signal is aborted", "AbortError"), new DOMException("too long", "TimeoutError"), new TokenRefreshError(),
  ])("the network, for %o", (thrown) => {
    expect(toCoreError(thrown).kind).toBe("offline");
  });

  test("nobody's network, for a mistake in a program: it would be tried again for ever", () => {
    expect(isTransient(new TypeError("Cannot read properties of undefined (reading 'x')"))).toBe(false);
  });

  test("what was said already stays", () => {
    expect(kindOf(toCoreError(new CoreError("unconfirmed")))).toBe("unconfirmed");
  });
});
