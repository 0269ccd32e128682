// SPDX-License-Identifier: Apache-2.0
/**
 * Encrypted attachments: AES-CTR with a 256-bit key, SHA-256 of the ciphertext
 * (client-server API, "Sending encrypted attachments"). WebCrypto does the arithmetic.
 */
import type { FileKeys } from "../port/content.ts";
import { CoreError } from "../port/session.ts";

export interface EncryptedBlob {
  readonly ciphertext: Blob;
  /** The `EncryptedFile` object of the event, without its `url`. */
  readonly file: Record<string, unknown>;
}

const toBase64 = (bytes: Uint8Array): string => {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replace(/=+$/, "");
};

const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
};

export async function encryptAttachment(plain: Blob): Promise<EncryptedBlob> {
  const key = await crypto.subtle.generateKey({ name: "AES-CTR", length: 256 }, true, ["encrypt", "decrypt"]);
  // The lower 64 bits are the block counter and start at zero.
  const iv = new Uint8Array(16);
  crypto.getRandomValues(iv.subarray(0, 8));
  const data = await crypto.subtle.encrypt({ name: "AES-CTR", counter: iv, length: 64 }, key, await plain.arrayBuffer());
  const hash = await crypto.subtle.digest("SHA-256", data);
  const exported = await crypto.subtle.exportKey("jwk", key);
  return {
    ciphertext: new Blob([data], { type: "application/octet-stream" }),
    file: {
      v: "v2",
      key: { kty: "oct", key_ops: ["encrypt", "decrypt"], alg: "A256CTR", k: exported.k, ext: true },
      iv: toBase64(iv),
      hashes: { sha256: toBase64(new Uint8Array(hash)) },
    },
  };
}

/** Refuses a file whose hash differs from the one the sender signed for. */
export async function decryptAttachment(data: ArrayBuffer, keys: FileKeys, mime: string): Promise<Blob> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  if (toBase64(hash) !== toBase64(fromBase64(keys.sha256))) {
    throw new CoreError("forbidden", "the attachment was altered");
  }
  const key = await crypto.subtle.importKey("raw", fromBase64(keys.key), "AES-CTR", false, ["decrypt"]);
  const plain = await crypto.subtle.decrypt({ name: "AES-CTR", counter: fromBase64(keys.iv), length: 64 }, key, data);
  return new Blob([plain], { type: mime });
}
