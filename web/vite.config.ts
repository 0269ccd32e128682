// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { compress } from "./build/compress.ts";
import { contentPolicy } from "./build/policy.ts";
import { precache } from "./build/precache.ts";
import { storeAlone } from "./build/store-alone.ts";
import { withoutCalls } from "./build/without-calls.ts";

/** Homeserver the development server hands `/_matrix` to. */
const homeserver = process.env["ESTAFETTE_HOMESERVER"] ?? "http://127.0.0.1:8008";
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const proxy = { "/_matrix": { target: homeserver, changeOrigin: false }, "/.well-known": { target: homeserver, changeOrigin: false } };

export default defineConfig({
  plugins: [react(), withoutCalls(), contentPolicy(), precache(), compress(path("dist"))],
  server: { host: "127.0.0.1", proxy },
  preview: { host: "127.0.0.1", proxy },
  worker: { format: "es", plugins: () => [storeAlone()] },
  build: {
    target: ["chrome116", "firefox121", "safari17"],
    modulePreload: { polyfill: false },
    // An inlined asset would be a `data:` address, which the policy refuses for scripts and wasm.
    assetsInlineLimit: 0,
    rollupOptions: {
      input: { index: path("index.html"), sw: path("src/app/sw.ts") },
      output: {
        entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
      },
    },
  },
});
