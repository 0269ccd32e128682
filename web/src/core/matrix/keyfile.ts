// SPDX-License-Identifier: Apache-2.0
/** The exported key file (client-server API, "Key exports"); the wasm does the cryptography. */
import { CoreError } from "../port/session.ts";

/** PBKDF2 rounds of a new file; the specification asks for at least 100,000. */
const ROUNDS = 500_000;

export async function sealKeyFile(json: string, passphrase: string): Promise<Blob> {
  const { initAsync, OlmMachine } = await import("@matrix-org/matrix-sdk-crypto-wasm");
  await initAsync();
  return new Blob([OlmMachine.encryptExportedRoomKeys(json, passphrase, ROUNDS)], { type: "text/plain" });
}

export async function openKeyFile(text: string, passphrase: string): Promise<string> {
  const { initAsync, OlmMachine } = await import("@matrix-org/matrix-sdk-crypto-wasm");
  await initAsync();
  try {
    return OlmMachine.decryptExportedRoomKeys(text, passphrase);
  } catch (error) {
    throw new CoreError("credentials", String(error));
  }
}
