// SPDX-License-Identifier: Apache-2.0
/**
 * Formatted messages, from untrusted HTML to a tree of plain data.
 *
 * The allow-list is the one of the client-server API, "m.room.message msgtypes" (tags, their
 * attributes, link schemes, nesting depth). DOMPurify parses and filters; what it leaves is read
 * once into `RichNode`s, so no HTML string ever reaches the page.
 */
import createPurifier from "dompurify";
import type { RichNode, RichTag } from "../port/content.ts";

const TAGS = [
  "del", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "p", "a", "ul", "ol", "sup", "sub", "li",
  "b", "i", "u", "strong", "em", "s", "code", "hr", "br", "div", "table", "thead", "tbody", "tr",
  "th", "td", "caption", "pre", "span", "img", "details", "summary", "strike", "tt", "font",
];
const ATTRIBUTES = [
  "href", "src", "alt", "title", "start", "class", "data-mx-spoiler", "data-mx-maths",
];
const SCHEMES = /^(?:https?|ftp|mailto|magnet|matrix):/i;
const PLAIN: Readonly<Record<string, RichTag>> = {
  p: "p", br: "br", hr: "hr", h1: "h1", h2: "h2", h3: "h3", h4: "h4", h5: "h5", h6: "h6",
  blockquote: "blockquote", pre: "pre", code: "code", ul: "ul", ol: "ol", li: "li",
  strong: "strong", b: "strong", em: "em", i: "em", u: "u", s: "s", del: "s", strike: "s",
  sub: "sub", sup: "sup", div: "div", span: "span", font: "span", tt: "code", table: "table",
  thead: "thead", tbody: "tbody", tr: "tr", th: "th", td: "td", details: "details",
  summary: "summary", caption: "caption",
};
/** Deepest nesting kept; the specification asks clients to stop at 100. */
const MAX_DEPTH = 100;
/** Longest formatted body parsed, in UTF-16 units; an event is at most 64 KiB. */
const MAX_LENGTH = 65_536;

let purifier: ReturnType<typeof createPurifier> | null = null;

/** Parses a `formatted_body`; answers an empty list when nothing allowed is left. */
export function parseFormattedBody(html: string): readonly RichNode[] {
  purifier ??= createPurifier(window);
  const fragment = purifier.sanitize(html.slice(0, MAX_LENGTH), {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    // Their values are words, not addresses: the address rule below must not judge them.
    ADD_URI_SAFE_ATTR: ["data-mx-spoiler", "data-mx-maths", "start"],
    ALLOW_ARIA_ATTR: false,
    // `mxc:` sources are checked in `imageNode`, link schemes in `linkNode`.
    ALLOWED_URI_REGEXP: /^(?:https?|ftp|mailto|magnet|matrix|mxc):/i,
    FORBID_CONTENTS: ["mx-reply", "script", "style", "template", "noscript", "iframe"],
    RETURN_DOM_FRAGMENT: true,
  });
  return trimBlank(readChildren(fragment, 0));
}

/** Tags that begin a line of their own: what stands between two of them, blank, is no text. */
const BLOCKS: ReadonlySet<string> = new Set([
  "p", "div", "ul", "ol", "li", "pre", "blockquote", "table", "hr", "details", "summary", "h1", "h2", "h3", "h4", "h5", "h6",
]);
const isBlock = (node: RichNode | undefined): boolean => typeof node === "object" && BLOCKS.has(node.tag);

/** The line breaks that Markdown renderers write between blocks are not the author's. */
function withoutBlankBetweenBlocks(nodes: readonly RichNode[]): RichNode[] {
  return nodes.filter((node, index) => typeof node !== "string" || node.trim() !== "" || !(isBlock(nodes[index - 1]) || isBlock(nodes[index + 1])));
}

function readChildren(parent: Node, depth: number): RichNode[] {
  if (depth >= MAX_DEPTH) return parent.textContent ? [parent.textContent] : [];
  const nodes: RichNode[] = [];
  for (const child of parent.childNodes) {
    const node = child.nodeType === Node.TEXT_NODE
      ? (child.textContent ?? "")
      : child instanceof Element ? readElement(child, depth + 1) : "";
    if (node !== "") nodes.push(node);
  }
  return parent instanceof Element && parent.tagName === "PRE" ? nodes : withoutBlankBetweenBlocks(nodes);
}

function readElement(element: Element, depth: number): RichNode {
  const name = element.tagName.toLowerCase();
  if (name === "a") return linkNode(element, depth);
  if (name === "img") return imageNode(element);
  const children = readChildren(element, depth);
  const spoiler = name === "span" ? element.getAttribute("data-mx-spoiler") : null;
  if (spoiler !== null) return { tag: "spoiler", reason: spoiler, children };
  const tag = PLAIN[name] ?? "span";
  if (tag === "ol") {
    const start = Number.parseInt(element.getAttribute("start") ?? "", 10);
    return Number.isFinite(start) ? { tag, children, start } : { tag, children };
  }
  if (tag === "code") {
    const language = /(?:^|\s)language-([\w+#.-]{1,32})/.exec(element.getAttribute("class") ?? "")?.[1];
    return language ? { tag, children, language } : { tag, children };
  }
  return { tag, children };
}

function linkNode(element: Element, depth: number): RichNode {
  const children = readChildren(element, depth);
  const href = element.getAttribute("href") ?? "";
  const target = matrixTarget(href);
  if (target?.kind === "user") return { tag: "mention", userId: target.id, children };
  if (target?.kind === "room") {
    return { tag: "room", room: target.id, eventId: target.eventId, children };
  }
  return SCHEMES.test(href) ? { tag: "a", href, children } : { tag: "span", children };
}

function imageNode(element: Element): RichNode {
  const mxc = element.getAttribute("src") ?? "";
  const alt = element.getAttribute("alt") ?? element.getAttribute("title") ?? "";
  return mxc.startsWith("mxc://") ? { tag: "image", mxc, alt } : alt;
}

/** Drops line breaks and blank text at both ends of a message. */
function trimBlank(nodes: readonly RichNode[]): readonly RichNode[] {
  const blank = (node: RichNode): boolean =>
    typeof node === "string" ? node.trim() === "" : node.tag === "br";
  let start = 0;
  let end = nodes.length;
  while (start < end && blank(nodes[start] ?? "")) start += 1;
  while (end > start && blank(nodes[end - 1] ?? "")) end -= 1;
  return nodes.slice(start, end);
}

export type MatrixTarget =
  | { readonly kind: "user"; readonly id: string }
  | { readonly kind: "room"; readonly id: string; readonly eventId: string | null };

/**
 * Reads a link to a person, a room or a message: `https://matrix.to/#/…` and `matrix:` URIs
 * (appendices, "URIs"). The address is only ever parsed, never contacted.
 */
export function matrixTarget(href: string): MatrixTarget | null {
  const web = /^https:\/\/matrix\.to\/#\/([^/?]+)(?:\/([^/?]+))?/.exec(href);
  if (web) return fromIdentifiers(decode(web[1] ?? ""), web[2] ? decode(web[2]) : null);
  const uri = /^matrix:(u|r|roomid)\/([^/?]+)(?:\/e\/([^/?]+))?/.exec(href);
  if (!uri) return null;
  const sigil = uri[1] === "u" ? "@" : uri[1] === "r" ? "#" : "!";
  return fromIdentifiers(sigil + decode(uri[2] ?? ""), uri[3] ? `$${decode(uri[3])}` : null);
}

function fromIdentifiers(id: string, eventId: string | null): MatrixTarget | null {
  if (id.startsWith("@")) return { kind: "user", id };
  if (id.startsWith("!") || id.startsWith("#")) return { kind: "room", id, eventId };
  return null;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
