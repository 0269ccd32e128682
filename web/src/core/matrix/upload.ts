// SPDX-License-Identifier: Apache-2.0
/** Uploads a file, encrypted when the room is, and builds the event content that shows it. */
import type { MatrixClient } from "matrix-js-sdk";
import type { MessageContent } from "../content/outgoing.ts";
import { encryptAttachment } from "./attachments.ts";
import type { PendingFile } from "./outbox.ts";

/** Longest side of the preview sent with a large picture, in pixels. */
const PREVIEW_SIDE = 800;
/** Pictures lighter than this are their own preview, in bytes. */
const PREVIEW_FROM = 200_000;
/** Longest wait for the first picture of a video, in milliseconds; without it a plain file is sent. */
const VIDEO_MS = 30_000;

interface Picture {
  readonly width: number;
  readonly height: number;
  /** Milliseconds of a video that says how long it is. */
  readonly duration?: number;
  readonly preview: { readonly blob: Blob; readonly width: number; readonly height: number } | null;
}

export async function uploadedContent(
  client: MatrixClient, file: PendingFile, encrypted: boolean, abort: AbortController,
  onProgress: (fraction: number) => void,
): Promise<MessageContent> {
  const store = async (blob: Blob, report: boolean): Promise<Record<string, unknown>> => {
    const sealed = encrypted ? await encryptAttachment(blob) : null;
    const answer = await client.uploadContent(sealed ? sealed.ciphertext : blob, {
      type: sealed ? "application/octet-stream" : file.mime,
      name: file.name,
      includeFilename: !sealed,
      abortController: abort,
      progressHandler: ({ loaded, total }) => { if (report && total > 0) onProgress(loaded / total); },
    });
    return sealed ? { file: { ...sealed.file, url: answer.content_uri } } : { url: answer.content_uri };
  };

  onProgress(0);
  const picture = await inspect(file);
  const stored = await store(file.blob, true);
  const info: Record<string, unknown> = { mimetype: file.mime, size: file.blob.size };
  if (picture) Object.assign(info, { w: picture.width, h: picture.height, ...(picture.duration === undefined ? {} : { duration: picture.duration }) });
  if (picture?.preview) {
    const { blob, width, height } = picture.preview;
    const preview = await store(blob, false);
    info["thumbnail_info"] = { mimetype: blob.type, size: blob.size, w: width, h: height };
    if (preview["file"]) info["thumbnail_file"] = preview["file"];
    else info["thumbnail_url"] = preview["url"];
  }
  return {
    msgtype: messageType(file.mime, picture !== null),
    body: file.caption || file.name,
    filename: file.name,
    info,
    "m.mentions": {},
    ...stored,
  };
}

function messageType(mime: string, measured: boolean): string {
  if (mime.startsWith("image/") && measured) return "m.image";
  if (mime.startsWith("video/") && measured) return "m.video";
  return mime.startsWith("audio/") ? "m.audio" : "m.file";
}

async function inspect(file: PendingFile): Promise<Picture | null> {
  try {
    if (/^image\/(?:png|jpeg|gif|webp|avif|bmp)$/.test(file.mime)) return await inspectImage(file);
    if (file.mime.startsWith("video/")) return await inspectVideo(file.blob);
  } catch {
    // What the browser cannot decode is sent as a plain file.
  }
  return null;
}

async function inspectImage(file: PendingFile): Promise<Picture> {
  const bitmap = await createImageBitmap(file.blob);
  const size = { width: bitmap.width, height: bitmap.height };
  const preview = file.blob.size > PREVIEW_FROM && file.mime !== "image/gif" ? await shrink(bitmap, size) : null;
  bitmap.close();
  return { ...size, preview };
}

async function inspectVideo(blob: Blob): Promise<Picture | null> {
  const url = URL.createObjectURL(blob);
  const video = document.createElement("video");
  try {
    video.muted = true;
    video.preload = "auto";
    await new Promise<void>((resolve, reject) => {
      video.onloadeddata = () => resolve();
      video.onerror = () => reject(new Error("not a video"));
      setTimeout(() => reject(new Error("too slow")), VIDEO_MS);
      video.src = url;
    });
    const size = { width: video.videoWidth, height: video.videoHeight };
    if (size.width === 0) return null;
    const length = Number.isFinite(video.duration) ? { duration: Math.round(video.duration * 1000) } : {};
    return { ...size, ...length, preview: await shrink(video, size) };
  } finally {
    video.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}

async function shrink(
  source: ImageBitmap | HTMLVideoElement, size: { width: number; height: number },
): Promise<Picture["preview"]> {
  const scale = Math.min(1, PREVIEW_SIDE / Math.max(size.width, size.height));
  const width = Math.max(1, Math.round(size.width * scale));
  const height = Math.max(1, Math.round(size.height * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  return { blob: await canvas.convertToBlob({ type: "image/jpeg", quality: 0.8 }), width, height };
}
