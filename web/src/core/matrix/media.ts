// SPDX-License-Identifier: Apache-2.0
/** Downloads, decryption and local addresses of files (client-server API 10.10, authenticated). */
import type { MatrixClient } from "matrix-js-sdk";
import type { MediaPort } from "../port/core.ts";
import type { MediaRef } from "../port/content.ts";
import { CoreError } from "../port/session.ts";
import { decryptAttachment } from "./attachments.ts";
import { guarded } from "./errors.ts";
import { answerMediaRequests, workerServesMedia } from "./media-worker.ts";

/** Local addresses kept alive; the least recently used is released beyond this. */
const MAX_OPEN = 300;
/** Types a browser may show from a local address without running anything in our origin. */
const SHOWABLE = /^(?:image\/(?:png|jpeg|gif|webp|avif|bmp)|video\/(?:mp4|webm|ogg|quicktime)|audio\/[\w.+-]+)$/;

export class Media implements MediaPort {
  readonly #client: MatrixClient;
  readonly #forgetWorker: () => void;
  readonly #open = new Map<string, Promise<string>>();

  constructor(client: MatrixClient) {
    this.#client = client;
    this.#forgetWorker = answerMediaRequests(this.#token);
  }

  /** The session's token. When that one was just refused, the SDK renews it with its next request. */
  readonly #token = async (refused: string | null): Promise<string | null> => {
    if (refused !== null && refused === this.#client.getAccessToken()) await this.#client.whoami().catch(() => undefined);
    return this.#client.getAccessToken();
  };

  open(media: MediaRef): Promise<string> {
    // A picture of this device that is being sent.
    if (media.mxc.startsWith("blob:")) return Promise.resolve(media.mxc);
    if (!media.keys && workerServesMedia() && SHOWABLE.test(media.mime)) return this.#address(media.mxc);
    return this.#cached(`file ${media.mxc}`, () => this.#fetchFile(media));
  }

  thumbnail(mxc: string, size: number): Promise<string> {
    const pixels = Math.min(800, Math.ceil(size * (window.devicePixelRatio || 1)));
    const side = pixels <= 64 ? 64 : pixels <= 128 ? 128 : pixels <= 320 ? 320 : 800;
    const url = this.#client.mxcUrlToHttp(mxc, side, side, side <= 128 ? "crop" : "scale", false, true, true);
    if (workerServesMedia() && url) return Promise.resolve(url);
    return this.#cached(`thumb ${side} ${mxc}`, () => this.#download(url));
  }

  /** Streamed by the browser itself, with ranges; the service worker adds the token. */
  #address(mxc: string): Promise<string> {
    const url = this.#client.mxcUrlToHttp(mxc, undefined, undefined, undefined, false, true, true);
    return url ? Promise.resolve(url) : Promise.reject(new CoreError("notFound", "not a media address"));
  }

  async save(media: MediaRef): Promise<void> {
    const url = await this.open(media);
    const link = document.createElement("a");
    link.href = url;
    link.download = media.name;
    link.click();
  }

  async uploadLimit(): Promise<number | null> {
    const config = await this.#client.getMediaConfig(true).catch(() => null);
    const limit = config?.["m.upload.size"];
    return typeof limit === "number" ? limit : null;
  }

  /** Releases every local address. */
  release(): void {
    this.#forgetWorker();
    for (const key of [...this.#open.keys()]) this.#forget(key);
  }

  #cached(key: string, load: () => Promise<Blob>): Promise<string> {
    const known = this.#open.get(key);
    if (known) {
      this.#open.delete(key);
      this.#open.set(key, known);
      return known;
    }
    const address = guarded(async () => URL.createObjectURL(await load()));
    this.#open.set(key, address);
    address.catch(() => this.#open.delete(key));
    const oldest = this.#open.keys().next().value;
    if (this.#open.size > MAX_OPEN && oldest !== undefined) this.#forget(oldest);
    return address;
  }

  #forget(key: string): void {
    this.#open.get(key)?.then((address) => URL.revokeObjectURL(address), () => undefined);
    this.#open.delete(key);
  }

  async #fetchFile(media: MediaRef): Promise<Blob> {
    const url = this.#client.mxcUrlToHttp(media.mxc, undefined, undefined, undefined, false, true, true);
    const blob = await this.#download(url);
    const mime = SHOWABLE.test(media.mime) ? media.mime : "application/octet-stream";
    if (!media.keys) return blob.slice(0, blob.size, mime);
    return decryptAttachment(await blob.arrayBuffer(), media.keys, mime);
  }

  async #download(url: string | null): Promise<Blob> {
    if (!url) throw new CoreError("notFound", "not a media address");
    const ask = (token: string | null): Promise<Response> => fetch(url, { headers: { Authorization: `Bearer ${token ?? ""}` } });
    const token = await this.#token(null);
    let response = await ask(token);
    // A token ends while the machine sleeps: the first request after it learns so.
    if (response.status === 401) response = await ask(await this.#token(token));
    if (!response.ok) throw new CoreError(response.status === 404 ? "notFound" : "server", String(response.status));
    return response.blob();
  }
}
