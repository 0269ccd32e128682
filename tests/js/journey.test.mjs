// SPDX-License-Identifier: Apache-2.0
// What two people do with a messenger, through an unmodified matrix-js-sdk with its cryptography
// in WebAssembly, against the server that ESTAFETTE_TEST_URL names.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { EventType, MsgType, Preset, SyncState, createClient } from "matrix-js-sdk";

/** The SDK tells a long story; failures speak for themselves. */
const quiet = Object.fromEntries(
  ["trace", "debug", "info", "warn", "error"].map((level) => [level, () => {}]),
);
quiet.getChild = () => quiet;
console.debug = console.info = console.warn = () => {};

const baseUrl = process.env.ESTAFETTE_TEST_URL;
assert.ok(baseUrl, "ESTAFETTE_TEST_URL names no server; run `cargo xtask clients`");

const PASSWORD = "correct horse battery staple";
const WITHIN_MS = 120_000;
const running = [];

after(() => running.forEach((client) => client.stopClient()));

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The first true answer of `ask`, asked until the bound. */
async function eventually(what, ask) {
  for (const end = Date.now() + WITHIN_MS; Date.now() < end; await pause(50)) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`not within ${WITHIN_MS} ms: ${what}`);
}

async function register(stem) {
  const username = `${stem}${Date.now().toString(36)}${Math.floor(Math.random() * 1e6)}`;
  const client = createClient({ baseUrl, logger: quiet });
  await client.registerRequest({
    username,
    password: PASSWORD,
    inhibit_login: true,
    auth: { type: "m.login.dummy" },
  });
  return username;
}

/** Logs in with the password as a new device, with cryptography, and syncs. */
async function login(username, cryptoCallbacks = {}) {
  const session = await createClient({ baseUrl, logger: quiet }).loginRequest({
    type: "m.login.password",
    identifier: { type: "m.id.user", user: username },
    password: PASSWORD,
  });
  const client = createClient({
    baseUrl,
    userId: session.user_id,
    deviceId: session.device_id,
    accessToken: session.access_token,
    cryptoCallbacks,
    logger: quiet,
  });
  await client.initRustCrypto({ useIndexedDB: false });
  running.push(client);
  await client.startClient({ initialSyncLimit: 20 });
  const synced = () =>
    [SyncState.Prepared, SyncState.Syncing].includes(client.getSyncState());
  await eventually("the first sync", synced);
  // Others encrypt for the devices that they can look up: not before these keys are there.
  await eventually("the device's keys are published", async () => {
    const { device_keys: published } = await client.downloadKeysForUsers([session.user_id]);
    return published?.[session.user_id]?.[session.device_id];
  });
  return client;
}

async function encryptedRoom(alice, bob) {
  const { room_id: roomId } = await alice.createRoom({
    preset: Preset.TrustedPrivateChat,
    name: "Two people",
    invite: [bob.getUserId()],
    initial_state: [
      {
        type: EventType.RoomEncryption,
        state_key: "",
        content: { algorithm: "m.megolm.v1.aes-sha2" },
      },
    ],
  });
  const invited = () => bob.getRoom(roomId)?.getMyMembership() === "invite";
  await eventually("bob is invited", invited);
  await bob.joinRoom(roomId);
  const sees = (client, other) => () =>
    client.getRoom(roomId)?.getMember(other)?.membership === "join";
  await eventually("alice sees bob", sees(alice, bob.getUserId()));
  await eventually("bob sees alice", sees(bob, alice.getUserId()));
  return roomId;
}

/** The event with this text, decrypted, once the client shows it. */
function shown(client, roomId, text) {
  return eventually(`${client.getUserId()} is shown ${text}`, () => {
    const events = client.getRoom(roomId)?.getLiveTimeline().getEvents() ?? [];
    return events.find((event) => event.isEncrypted() && event.getContent().body === text);
  });
}

const say = (client, roomId, body) =>
  client.sendMessage(roomId, { msgtype: MsgType.Text, body });

test("two people converse in an encrypted room", async () => {
  const alice = await login(await register("alice"));
  const bob = await login(await register("bob"));
  const roomId = await encryptedRoom(alice, bob);
  await say(alice, roomId, "Bonjour Bob");
  const event = await shown(bob, roomId, "Bonjour Bob");
  assert.equal(event.getSender(), alice.getUserId());
  assert.equal(event.getWireType(), "m.room.encrypted");
  await say(bob, roomId, "Bonjour Alice");
  await shown(alice, roomId, "Bonjour Alice");

  // A reaction of the server's own counting: Bob read, Alice wrote, one is unread.
  await bob.sendReadReceipt(event);
  await say(alice, roomId, "Encore un mot");
  await shown(bob, roomId, "Encore un mot");

  const secret = new TextEncoder().encode("bytes of a file, already encrypted by the client");
  const { content_uri: uri } = await alice.uploadContent(secret, {
    type: "application/octet-stream",
  });
  const url = bob.mxcUrlToHttp(uri, undefined, undefined, undefined, false, true, true);
  const answer = await fetch(url, {
    headers: { Authorization: `Bearer ${bob.getAccessToken()}` },
  });
  assert.equal(answer.status, 200);
  assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), secret);
});

test("a new device gets identity and history back from secret storage", async () => {
  let recoveryKey;
  const callbacks = {
    getSecretStorageKey: async ({ keys }) => [Object.keys(keys)[0], recoveryKey],
  };
  const name = await register("carol");
  const carol = await login(name, callbacks);
  const dave = await login(await register("dave"));
  const crypto = carol.getCrypto();
  await crypto.bootstrapCrossSigning({
    authUploadDeviceSigningKeys: (request) =>
      request({
        type: "m.login.password",
        identifier: { type: "m.id.user", user: name },
        password: PASSWORD,
      }),
  });
  const key = await crypto.createRecoveryKeyFromPassphrase();
  recoveryKey = key.privateKey;
  await crypto.bootstrapSecretStorage({
    createSecretStorageKey: async () => key,
    setupNewSecretStorage: true,
    setupNewKeyBackup: true,
  });
  assert.ok(await crypto.isSecretStorageReady());
  assert.ok(await crypto.getActiveSessionBackupVersion());
  const roomId = await encryptedRoom(carol, dave);
  await say(carol, roomId, "Kept in the backup");
  await shown(dave, roomId, "Kept in the backup");
  // Asked of the server itself: the SDK remembers what it was told at first.
  const backedUp = async () => {
    const answer = await fetch(`${baseUrl}/_matrix/client/v3/room_keys/version`, {
      headers: { Authorization: `Bearer ${carol.getAccessToken()}` },
    });
    return (await answer.json()).count > 0;
  };
  await eventually("the key is in the backup", backedUp);
  carol.stopClient();
  await carol.logout(false);

  const phone = await login(name, callbacks);
  const phoneCrypto = phone.getCrypto();
  const userId = phone.getUserId();
  assert.ok(await phoneCrypto.userHasCrossSigningKeys(userId, true), "the identity is published");
  await phoneCrypto.bootstrapCrossSigning({});
  await eventually("the new device is signed by its owner", async () => {
    const status = await phoneCrypto.getDeviceVerificationStatus(userId, phone.getDeviceId());
    return status?.signedByOwner;
  });
  await phoneCrypto.loadSessionBackupPrivateKeyFromSecretStorage();
  const { imported } = await phoneCrypto.restoreKeyBackup();
  assert.ok(imported > 0, "no key was in the backup");
  await shown(phone, roomId, "Kept in the backup");
});
