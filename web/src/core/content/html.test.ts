// SPDX-License-Identifier: Apache-2.0
// @vitest-environment jsdom
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RichNode } from "../port/content.ts";
import { matrixTarget, parseFormattedBody } from "./html.ts";

/** Every link and source of a tree, and every tag. */
function walk(nodes: readonly RichNode[]): { tags: string[]; targets: string[]; text: string } {
  const out = { tags: [] as string[], targets: [] as string[], text: "" };
  const visit = (node: RichNode): void => {
    if (typeof node === "string") { out.text += node; return; }
    out.tags.push(node.tag);
    if (node.tag === "a") out.targets.push(node.href);
    if (node.tag === "image") { out.targets.push(node.mxc); return; }
    for (const child of node.children) visit(child);
  };
  for (const node of nodes) visit(node);
  return out;
}

describe("formatted bodies", () => {
  it("keep the allowed elements", () => {
    const { tags, text } = walk(parseFormattedBody("<p>Un <strong>mot</strong> <del>barré</del> <code class=\"language-rust\">fn</code></p><ul><li>a</li></ul>"));
    expect(tags).toEqual(["p", "strong", "s", "code", "ul", "li"]);
    expect(text).toBe("Un mot barré fna");
  });

  it.each([
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<img src=\"https://evil.example/a.png\">", "<a href=\"javascript:alert(1)\">x</a>",
    "<svg><script>alert(1)</script></svg>", "<iframe src=\"https://evil.example\"></iframe>", "<a href=\" java\nscript:alert(1)\">x</a>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", "<form action=x><button>b</button></form>",
    "<p style=\"background:url(https://evil.example)\">x</p>", "<a href=\"data:text/html,<script>1</script>\">x</a>", "<object data=x></object>",
  ])("drop what could act: %s", (html) => {
    const { tags, targets, text } = walk(parseFormattedBody(html));
    for (const target of targets) expect(target).toMatch(/^(?:https?|mailto|ftp|magnet|matrix|mxc):/);
    for (const tag of tags) expect(["script", "iframe", "object", "form", "style", "svg", "math"]).not.toContain(tag);
    expect(text).not.toContain("alert(1)</script>");
    expect(targets.join()).not.toContain("evil.example/a.png");
  });

  it("drop the quoted copy old clients put in replies", () => {
    const { text } = walk(parseFormattedBody("<mx-reply><blockquote>ancien</blockquote></mx-reply>nouveau"));
    expect(text).toBe("nouveau");
  });

  it("turn links to people and rooms into mentions", () => {
    expect(parseFormattedBody("<a href=\"https://matrix.to/#/@jean:gouv.fr\">Jean</a>")).toEqual([{ tag: "mention", userId: "@jean:gouv.fr", children: ["Jean"] }]);
    expect(matrixTarget("https://matrix.to/#/!abc%3Agouv.fr/$evt?via=gouv.fr")).toEqual({ kind: "room", id: "!abc:gouv.fr", eventId: "$evt" });
    expect(matrixTarget("matrix:u/jean:gouv.fr")).toEqual({ kind: "user", id: "@jean:gouv.fr" });
    expect(matrixTarget("https://example.org/#/@jean:gouv.fr")).toBeNull();
  });

  it("hide spoilers and accept only media of the server", () => {
    expect(parseFormattedBody("<span data-mx-spoiler=\"fin\">il meurt</span>")).toEqual([{ tag: "spoiler", reason: "fin", children: ["il meurt"] }]);
    expect(parseFormattedBody("<img src=\"mxc://a/b\" alt=\"chat\">")).toEqual([{ tag: "image", mxc: "mxc://a/b", alt: "chat" }]);
  });

  it("survive any string and any depth", () => {
    fc.assert(fc.property(fc.string(), (html) => { parseFormattedBody(html); }), { numRuns: 200 });
    expect(walk(parseFormattedBody(`${"<blockquote>".repeat(400)}fond`)).text).toBe("fond");
  });

  // Lists and code would stand between empty lines.
  it("line breaks between blocks are not text, those in code are", () => {
    expect(parseFormattedBody("<p>Un</p>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<pre><code>x\n\ny</code></pre>\nfin <b>a</b> <i>b</i>")).toEqual([
      { tag: "p", children: ["Un"] },
      { tag: "ul", children: [{ tag: "li", children: ["a"] }, { tag: "li", children: ["b"] }] },
      { tag: "pre", children: [{ tag: "code", children: ["x\n\ny"] }] },
      "\nfin ", { tag: "strong", children: ["a"] }, " ", { tag: "em", children: ["b"] },
    ]);
  });
});
