// SPDX-License-Identifier: Apache-2.0
/** Pictures on their way out, shown from this device and in their final size. */
import type { ItemContent } from "../port/content.ts";
import type { OutboxEntry } from "./outbox.ts";

const DRAWABLE = /^image\/(?:png|jpeg|gif|webp|avif|bmp)$/;

/** Null for what is no picture, or none that the browser can draw. */
export async function pictureSize(file: Blob): Promise<{ readonly width: number; readonly height: number } | null> {
  if (!DRAWABLE.test(file.type)) return null;
  try {
    const bitmap = await createImageBitmap(file);
    const size = { width: bitmap.width, height: bitmap.height };
    bitmap.close();
    return size;
  } catch {
    return null;
  }
}

export class LocalPictures {
  readonly #urls = new Map<string, string>();

  /** What a file that waits to be sent looks like. */
  content({ id, file }: OutboxEntry & { readonly file: NonNullable<OutboxEntry["file"]> }): ItemContent {
    const media = { mxc: "", name: file.name, mime: file.mime, size: file.blob.size, keys: null };
    if (!file.picture) return { kind: "file", media, caption: file.caption, durationMs: 0 };
    let url = this.#urls.get(id);
    if (!url) {
      url = URL.createObjectURL(file.blob);
      this.#urls.set(id, url);
    }
    return { kind: "image", media: { ...media, mxc: url }, thumbnail: null, ...file.picture, caption: file.caption };
  }

  /** Lets go of the pictures of all entries but these. */
  keep(entries: readonly OutboxEntry[]): void {
    for (const [id, url] of this.#urls) {
      if (entries.some((one) => one.id === id)) continue;
      URL.revokeObjectURL(url);
      this.#urls.delete(id);
    }
  }
}
