// SPDX-License-Identifier: Apache-2.0
/** The content of `m.room.message` and `m.sticker` as an `ItemContent` (client-server API 11.1). */
import type { FileKeys, ItemContent, MediaRef, RichNode } from "../port/content.ts";
import { parseFormattedBody } from "./html.ts";
import { linkify, linkifyTree } from "./linkify.ts";

type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const json = (value: unknown): Json => (isJson(value) ? value : {});
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const natural = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.round(value) : 0;

export function messageContent(type: string, content: Json): ItemContent {
  if (type === "m.sticker") return picture("image", content);
  switch (content["msgtype"]) {
    case "m.text": return textContent("plain", content);
    case "m.notice": return textContent("notice", content);
    case "m.emote": return textContent("emote", content);
    case "m.image": return picture("image", content);
    case "m.video": return picture("video", content);
    case "m.audio": return attachment("audio", content);
    case "m.file": return attachment("file", content);
    default:
      return { kind: "unsupported", type: text(content["msgtype"]) || type, fallback: text(content["body"]) };
  }
}

function textContent(style: "plain" | "emote" | "notice", content: Json): ItemContent {
  const body = stripReplyFallback(text(content["body"]), content);
  return { kind: "text", style, body, rich: richBody(body, content), bigEmoji: isOnlyEmoji(body) };
}

function richBody(body: string, content: Json): readonly RichNode[] {
  const formatted = text(content["formatted_body"]);
  if (content["format"] === "org.matrix.custom.html" && formatted !== "") {
    const nodes = parseFormattedBody(formatted);
    if (nodes.length > 0) return linkifyTree(nodes);
  }
  return linkify(body);
}

/** Old clients put the quoted message in the body of a reply, as lines starting with "> ". */
export function stripReplyFallback(body: string, content: Json): string {
  if (!isJson(json(content["m.relates_to"])["m.in_reply_to"])) return body;
  if (!body.startsWith("> <") && !body.startsWith("> * <")) return body;
  const lines = body.split("\n");
  let first = 0;
  while (first < lines.length && lines[first]?.startsWith("> ")) first += 1;
  if (lines[first] === "") first += 1;
  return lines.slice(first).join("\n");
}

const EMOJI_RUN = /^(?:\p{RGI_Emoji}|\s){1,24}$/v;

/** True for one to six emoji and nothing else: shown larger. */
export function isOnlyEmoji(body: string): boolean {
  const trimmed = body.trim();
  if (trimmed === "" || trimmed.length > 60 || !EMOJI_RUN.test(trimmed)) return false;
  const graphemes = [...new Intl.Segmenter().segment(trimmed.replace(/\s/g, ""))];
  return graphemes.length <= 6;
}

/** A caption is a body that differs from the file name (client-server API, "Media captions"). */
function captionOf(content: Json): string {
  const filename = text(content["filename"]);
  const body = text(content["body"]);
  return filename !== "" && body !== filename ? body : "";
}

export function mediaRef(content: Json): MediaRef | null {
  const info = json(content["info"]);
  const file = json(content["file"]);
  const mxc = text(file["url"]) || text(content["url"]);
  if (!mxc.startsWith("mxc://")) return null;
  return {
    mxc,
    name: text(content["filename"]) || text(content["body"]) || "fichier",
    mime: text(info["mimetype"]) || "application/octet-stream",
    size: natural(info["size"]),
    keys: fileKeys(file),
  };
}

function fileKeys(file: Json): FileKeys | null {
  const key = text(json(file["key"])["k"]);
  const iv = text(file["iv"]);
  const sha256 = text(json(file["hashes"])["sha256"]);
  return key && iv && sha256 ? { key, iv, sha256 } : null;
}

function thumbnailRef(content: Json): MediaRef | null {
  const info = json(content["info"]);
  const file = json(info["thumbnail_file"]);
  const details = json(info["thumbnail_info"]);
  const mxc = text(file["url"]) || text(info["thumbnail_url"]);
  if (!mxc.startsWith("mxc://")) return null;
  return {
    mxc, name: "", mime: text(details["mimetype"]) || "image/jpeg",
    size: natural(details["size"]), keys: fileKeys(file),
  };
}

function picture(kind: "image" | "video", content: Json): ItemContent {
  const media = mediaRef(content);
  if (!media) return broken(content);
  const info = json(content["info"]);
  return {
    kind, media, thumbnail: thumbnailRef(content),
    width: natural(info["w"]), height: natural(info["h"]), caption: captionOf(content),
  };
}

function attachment(kind: "audio" | "file", content: Json): ItemContent {
  const media = mediaRef(content);
  if (!media) return broken(content);
  return { kind, media, caption: captionOf(content), durationMs: natural(json(content["info"])["duration"]) };
}

function broken(content: Json): ItemContent {
  return { kind: "unsupported", type: text(content["msgtype"]), fallback: text(content["body"]) };
}
