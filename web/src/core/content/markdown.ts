// SPDX-License-Identifier: Apache-2.0
/** Markdown (CommonMark with tables, strikethrough and bare links) to the HTML of a message. */
import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";

/** A single line break typed by a person is a line break, as in every messenger. */
function keepLineBreaks(source: string): string {
  let fenced = false;
  return source.split("\n").map((line) => {
    if (/^\s*(?:```|~~~)/.test(line)) fenced = !fenced;
    return fenced || line.trim() === "" || /^\s*\|/.test(line) ? line : `${line}  `;
  }).join("\n");
}

/** HTML typed by hand stays text: `allowDangerousHtml` is off. */
export function markdownToHtml(source: string): string {
  const html = micromark(keepLineBreaks(source), {
    extensions: [gfm()],
    htmlExtensions: [gfmHtml()],
  }).trim();
  const only = /^<p>((?:(?!<p>)[\s\S])*)<\/p>$/.exec(html);
  return only?.[1] ?? html;
}
