// SPDX-License-Identifier: Apache-2.0
/** Writes a `.br` and a `.gz` beside every asset worth it: the server only has to send them. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const COMPRESSIBLE = /\.(?:js|css|html|json|svg|wasm|webmanifest|txt)$/;
/** Smaller files gain nothing, in bytes. */
const WORTH = 512;

export function compress(folder: string): Plugin {
  return {
    name: "compress", apply: "build", enforce: "post",
    closeBundle: {
      order: "post", sequential: true,
      handler() {
        for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
          if (!entry.isFile() || !COMPRESSIBLE.test(entry.name)) continue;
          const path = join(entry.parentPath, entry.name);
          const data = readFileSync(path);
          if (data.length < WORTH) continue;
          writeFileSync(`${path}.br`, brotliCompressSync(data, {
            params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length, [constants.BROTLI_PARAM_LGWIN]: 22 },
          }));
          writeFileSync(`${path}.gz`, gzipSync(data, { level: 9 }));
        }
      },
    },
  };
}
