// SPDX-License-Identifier: Apache-2.0
/** What a person typed, as the content of an `m.room.message` event. */
import type { Mention, OutgoingText } from "../port/timeline.ts";

export type MessageContent = Record<string, unknown>;

/** Renders Markdown; loaded on first use because the composer needs it and the start does not. */
async function renderMarkdown(text: string): Promise<string> {
  const { markdownToHtml } = await import("./markdown.ts");
  return markdownToHtml(text);
}

const escapeHtml = (value: string): string =>
  value.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");

/** Text that Markdown would leave as one plain paragraph needs no `formatted_body`. */
const PLAIN = /^[^*_`~[\]<>#|\\&!\n-]*$/;

export async function textContent(message: OutgoingText): Promise<MessageContent> {
  const emote = message.text.startsWith("/me ");
  const body = emote ? message.text.slice(4) : message.text;
  const mentions = message.mentions.filter((mention) => body.includes(`@${mention.name}`));
  const content: MessageContent = {
    msgtype: emote ? "m.emote" : "m.text",
    body,
    "m.mentions": {
      ...(mentions.length > 0 ? { user_ids: [...new Set(mentions.map((one) => one.userId))] } : {}),
      ...(message.mentionsRoom ? { room: true } : {}),
    },
  };
  if (mentions.length > 0 || !PLAIN.test(body)) {
    const html = withPills(await renderMarkdown(body), mentions);
    if (html !== escapeHtml(body)) {
      content["format"] = "org.matrix.custom.html";
      content["formatted_body"] = html;
    }
  }
  return content;
}

/** Turns "@Name" into a link to the person, longest names first so that none hides another. */
function withPills(html: string, mentions: OutgoingText["mentions"]): string {
  const sorted = [...mentions].sort((a, b) => b.name.length - a.name.length);
  let result = html;
  sorted.forEach((mention, index) => {
    result = result.replaceAll(escapeHtml(`@${mention.name}`), `\u0000${index}\u0000`);
  });
  sorted.forEach((mention, index) => {
    const href = `https://matrix.to/#/${encodeURIComponent(mention.userId)}`;
    const pill = `<a href="${href}">${escapeHtml(mention.name)}</a>`;
    result = result.replaceAll(`\u0000${index}\u0000`, pill);
  });
  return result;
}

const PILL = /<a href="https:\/\/matrix\.to\/#\/([^"]+)">([^<]+)<\/a>/g;
const ENTITIES: Readonly<Record<string, string>> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": "\"" };

/** The mentions of a message that `textContent` made: those who were named and are still told of. */
export function mentionsOf(content: MessageContent): readonly Mention[] {
  const told = (content["m.mentions"] as { user_ids?: unknown } | undefined)?.user_ids;
  const html = content["formatted_body"];
  if (!Array.isArray(told) || typeof html !== "string") return [];
  return [...html.matchAll(PILL)].flatMap(([, id = "", name = ""]) => {
    const userId = decodeURIComponent(id);
    return told.includes(userId) ? [{ userId, name: name.replace(/&(?:amp|lt|gt|quot);/g, (entity) => ENTITIES[entity] ?? entity) }] : [];
  });
}

/** Adds the reply relation (client-server API, "Rich replies"). */
export function asReply(content: MessageContent, eventId: string): MessageContent {
  return { ...content, "m.relates_to": { "m.in_reply_to": { event_id: eventId } } };
}

/** Wraps a content as the replacement of an earlier one ("Event replacements"). */
export function asEdit(content: MessageContent, eventId: string): MessageContent {
  const fallback: MessageContent = { ...content, body: `* ${String(content["body"])}` };
  if (typeof content["formatted_body"] === "string") {
    fallback["formatted_body"] = `* ${content["formatted_body"]}`;
  }
  return {
    ...fallback,
    "m.new_content": content,
    "m.relates_to": { rel_type: "m.replace", event_id: eventId },
  };
}
