// SPDX-License-Identifier: Apache-2.0
/** Plain text to nodes: web addresses and e-mail addresses become links, line breaks are kept. */
import { find } from "linkifyjs";
import type { RichNode } from "../port/content.ts";
import { matrixTarget } from "./html.ts";

/** Longest text looked at for links, in UTF-16 units. */
const MAX_LENGTH = 20_000;

export function linkify(text: string): readonly RichNode[] {
  if (text.length > MAX_LENGTH) return [text];
  const nodes: RichNode[] = [];
  let position = 0;
  for (const link of find(text)) {
    if (link.type !== "url" && link.type !== "email") continue;
    // A bare "fichier.pdf" or "rapport.zip" is a file name, not an address.
    if (link.type === "url" && !/^(?:https?:\/\/|www\.)/i.test(link.value)) continue;
    if (link.start > position) nodes.push(text.slice(position, link.start));
    nodes.push(linkTo(link.href, link.value));
    position = link.end;
  }
  if (position < text.length) nodes.push(text.slice(position));
  return nodes;
}

function linkTo(href: string, label: string): RichNode {
  const target = matrixTarget(href);
  if (target?.kind === "user") return { tag: "mention", userId: target.id, children: [target.id] };
  if (target?.kind === "room") {
    return { tag: "room", room: target.id, eventId: target.eventId, children: [label] };
  }
  const safe = /^(?:https?|mailto):/i.test(href);
  return safe ? { tag: "a", href: href.replace(/^http:\/\/www\./i, "https://www."), children: [label] } : label;
}

/** Applies `linkify` to every text of a tree that is not already inside a link or code. */
export function linkifyTree(nodes: readonly RichNode[]): readonly RichNode[] {
  return nodes.flatMap((node): readonly RichNode[] => {
    if (typeof node === "string") return linkify(node);
    if (node.tag === "a" || node.tag === "code" || node.tag === "pre" || node.tag === "mention"
      || node.tag === "room" || node.tag === "image") return [node];
    return [{ ...node, children: linkifyTree(node.children) }];
  });
}
