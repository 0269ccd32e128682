// SPDX-License-Identifier: Apache-2.0
/**
 * Leaves out of the bundle what the SDK carries for calls, widgets, sliding sync, file trees and the
 * key stores before its Rust cryptography, which this client does not use: a third of its code. Each
 * left-out module keeps its exports, inert.
 */
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

const LEFT_OUT = /matrix-js-sdk\/lib\/(?:webrtc\/(?:call|callEventHandler|groupCall|groupCallEventHandler|mediaHandler)|matrixrtc\/MatrixRTCSessionManager|embedded|sliding-sync-sdk|models\/MSC3089TreeSpace|crypto\/store\/(?:localStorage-crypto-store|indexeddb-crypto-store|indexeddb-crypto-store-backend))\.js$/;
const NAMES = /^export (?:class|(?:async )?function|var|let|const) (\w+)/gm;

export function withoutCalls(): Plugin {
  return {
    name: "without-calls", apply: "build", enforce: "pre",
    load(id) {
      if (!LEFT_OUT.test(id)) return null;
      const names = [...readFileSync(id, "utf8").matchAll(NAMES)].map((match) => match[1] ?? "");
      const inert = "class Inert { start() {} stop() {} }\n";
      return inert + names.map((name) => (name.startsWith("supports") ? `export function ${name}() { return false; }` : `export const ${name} = Inert;`)).join("\n");
    },
  };
}
