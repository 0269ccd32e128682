// SPDX-License-Identifier: Apache-2.0
/** Content as one line of text. */
import type { ItemContent, RichNode } from "./content.ts";

/** One line that stands for a message in a quote, a list or a notification. */
export function summaryOf(content: ItemContent): string {
  switch (content.kind) {
    case "text": return plainText(content.rich).replace(/\s+/g, " ").trim().slice(0, 200);
    case "image": case "video": case "audio": case "file": return content.caption || content.media.name;
    case "unsupported": return content.fallback;
    default: return "";
  }
}

const INLINE: ReadonlySet<string> = new Set(["strong", "em", "u", "s", "sub", "sup", "span", "code", "a", "mention", "room"]);

/** What a formatted message says, without its form; what a spoiler hides stays hidden. */
export function plainText(nodes: readonly RichNode[]): string {
  return nodes.map((node): string => {
    if (typeof node === "string") return node;
    if (node.tag === "image") return node.alt;
    if (node.tag === "spoiler") return "▒▒▒";
    const inner = plainText(node.children);
    return INLINE.has(node.tag) ? inner : ` ${inner} `;
  }).join("");
}
