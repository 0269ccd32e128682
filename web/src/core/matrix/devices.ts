// SPDX-License-Identifier: Apache-2.0
/** The devices of the account and which of them are confirmed. */
import type { MatrixClient } from "matrix-js-sdk";
import type { Confirmation, Device } from "../port/encryption.ts";
import { confirmed } from "./uia.ts";

export async function listDevices(client: MatrixClient): Promise<readonly Device[]> {
  const me = client.getSafeUserId();
  const crypto = client.getCrypto();
  const { devices } = await client.getDevices();
  const dehydrated = (await crypto?.getUserDeviceInfo([me]))?.get(me);
  const listed = devices.filter((one) => !dehydrated?.get(one.device_id)?.dehydrated);
  return Promise.all(listed.map(async (one): Promise<Device> => ({
    id: one.device_id,
    name: one.display_name ?? "",
    current: one.device_id === client.getDeviceId(),
    verified: (await crypto?.getDeviceVerificationStatus(me, one.device_id))?.crossSigningVerified ?? false,
    lastSeen: one.last_seen_ts ?? null,
    lastAddress: one.last_seen_ip ?? null,
  })));
}

export async function renameDevice(client: MatrixClient, deviceId: string, name: string): Promise<void> {
  await client.setDeviceDetails(deviceId, { display_name: name });
}

export async function removeDevice(client: MatrixClient, deviceId: string, confirmation: Confirmation): Promise<void> {
  await confirmed<unknown>(client, confirmation)((auth) => client.deleteDevice(deviceId, auth ?? undefined));
}
