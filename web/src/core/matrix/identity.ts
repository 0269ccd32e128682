// SPDX-License-Identifier: Apache-2.0
/**
 * The cryptographic identity of an account, made at its first start and asked of nobody: without one
 * nothing encrypted can be sent or received (MSC4153). The first upload of cross-signing keys needs
 * no further proof (client-server API v1.11, `POST /keys/device_signing/upload`; MSC3967), whichever
 * way one signed in; a server that has keys asks for one, so that none are replaced by accident.
 */
import { ClientPrefix, type MatrixClient, type MatrixError, Method, type UIAuthCallback } from "matrix-js-sdk";
import type { CryptoApi } from "matrix-js-sdk/lib/crypto-api";
import { holdsIdentity } from "./reset.ts";

/** Nobody is asked: what needs a proof is not done. */
export const UNASKED: UIAuthCallback<void> = (request) => request(null);

/**
 * Makes the identity where the server has none, and ends what an earlier page began: keys that never
 * reached the server are made anew, a device that holds the identity signs itself. An identity that
 * the server has is left alone, whoever holds it.
 */
export async function ensureIdentity(client: MatrixClient, crypto: CryptoApi, upload: UIAuthCallback<void>): Promise<void> {
  const [me, deviceId] = [client.getSafeUserId(), client.getDeviceId() ?? ""];
  if (await crypto.userHasCrossSigningKeys(me, true)) {
    const trust = await crypto.getDeviceVerificationStatus(me, deviceId);
    if (trust?.crossSigningVerified || !(await holdsIdentity(crypto))) return;
    if (await isPublished(client)) return crypto.crossSignDevice(deviceId);
  }
  await crypto.bootstrapCrossSigning({ setupNewCrossSigning: true, authUploadDeviceSigningKeys: upload });
  // The answer carries this device with its new signature.
  await crypto.userHasCrossSigningKeys(me, true);
}

/**
 * Makes the backup of message keys where the account has none, so that a device that its owner
 * confirms can be handed the key to it (client-server API, "Sharing": `m.megolm_backup.v1`) and
 * reads what was written before, with or without a recovery code. A backup that the server has is
 * left alone, whoever can open it; making one deletes all others, so an answer is waited for that
 * says in so many words that there is none.
 */
export async function ensureBackup(client: MatrixClient, crypto: CryptoApi): Promise<void> {
  if (!(await holdsIdentity(crypto)) || (await crypto.getActiveSessionBackupVersion()) !== null) return;
  try {
    await client.http.authedRequest(Method.Get, "/room_keys/version", undefined, undefined, { prefix: ClientPrefix.V3 });
  } catch (error) {
    if ((error as MatrixError).errcode !== "M_NOT_FOUND") throw error;
    await crypto.resetKeyBackup();
  }
}

/** What the server says: the cryptography also counts keys that were made here and not uploaded. */
async function isPublished(client: MatrixClient): Promise<boolean> {
  const me = client.getSafeUserId();
  return (await client.downloadKeysForUsers([me])).master_keys?.[me] !== undefined;
}
