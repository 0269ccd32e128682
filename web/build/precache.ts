// SPDX-License-Identifier: Apache-2.0
/** Tells the service worker which files make the application, and a version that names them. */
import { createHash } from "node:crypto";
import type { Plugin } from "vite";

/** Fetched on demand instead: large, and useless to most visits. */
const ON_DEMAND = /compact-|markdown-|oauth-/;

export function precache(): Plugin {
  return {
    name: "precache", apply: "build", enforce: "post",
    generateBundle(_options, bundle) {
      const worker = bundle["sw.js"];
      if (worker?.type !== "chunk") throw new Error("the service worker was not built");
      const files = Object.keys(bundle).filter((name) => name.startsWith("assets/") && !name.endsWith(".map") && !ON_DEMAND.test(name)).sort();
      const index = bundle["index.html"];
      const hash = createHash("sha256").update(files.join("\n")).update(index?.type === "asset" ? index.source : "").digest("hex").slice(0, 16);
      worker.code = worker.code
        .replace(/["'`]__VERSION__["'`]/, JSON.stringify(hash))
        .replace(/["'`]__FILES__["'`]/, JSON.stringify(["/", ...files.map((name) => `/${name}`), "/icon.svg", "/icon-192.png", "/manifest.webmanifest"].join("\n")));
    },
  };
}
