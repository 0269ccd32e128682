// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the worker of the rooms small. The SDK's store takes one number from the module of events,
 * which brings the whole client with it, and a table of look-alike letters that it does not use.
 */
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

const EVENT = /matrix-js-sdk\/lib\/models\/event\.js$/;
const LETTERS = /node_modules\/unhomoglyph\/index\.js$/;
const NUMBER = /^export (?:var|const) MAX_STICKY_DURATION_MS = [^;]+;/m;

export function storeAlone(): Plugin {
  return {
    name: "store-alone", enforce: "pre",
    load(id) {
      if (LETTERS.test(id)) return "export default (text) => text;";
      if (!EVENT.test(id)) return null;
      const number = NUMBER.exec(readFileSync(id, "utf8"))?.[0];
      if (!number) throw new Error("the SDK's store no longer finds its number in models/event");
      return number;
    },
  };
}
