// SPDX-License-Identifier: Apache-2.0
// @vitest-environment jsdom
/** Without this: a folder is sent as a broken file, and a table copied from a document as a picture of it. */
import { expect, test } from "vitest";
import { droppedFiles, pastedFiles } from "./files.ts";

const file = (name: string, type = "image/png"): File => new File(["x"], name, { type });
const item = (one: File, directory = false) => ({ kind: "file", getAsFile: () => one, webkitGetAsEntry: () => ({ isDirectory: directory }) });
const dropped = (items: readonly object[]) => droppedFiles({ items, files: [] } as never).map((one) => one.name);
const pasted = (files: readonly File[], texts: Readonly<Record<string, string>> = {}) =>
  pastedFiles({ types: [...Object.keys(texts), "Files"], files, getData: (type: string) => texts[type] ?? "" } as never, new Date(2026, 10, 26, 9, 5, 7)).map((one) => one.name);

test("folders are left out, files are not", () => {
  expect(dropped([item(file("a.pdf")), item(file("dossier", ""), true), item(file("b.pdf")), { kind: "string" }])).toEqual(["a.pdf", "b.pdf"]);
});

test("a picture without a name is named after the moment, a file keeps its own", () => {
  expect(pasted([file("image.png")])).toEqual(["image-2026-11-26-090507.png"]);
  expect(pasted([file("image.png")], { "text/html": "<img>" })).toEqual(["image-2026-11-26-090507.png"]);
  expect(pasted([file("plan.png")], { "text/plain": "plan.png" })).toEqual(["plan.png"]);
});

test("words copied from a document stay words", () => {
  expect(pasted([file("image.png")], { "text/html": "<table>", "text/plain": "1\t2" })).toEqual([]);
});
