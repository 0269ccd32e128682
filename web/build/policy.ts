// SPDX-License-Identifier: Apache-2.0
/** The content security policy of the page. The server may send the same one as a header. */
import type { Plugin } from "vite";

/**
 * Own origin only. `wasm-unsafe-eval` lets WebAssembly compile and nothing else; `blob:` shows
 * decrypted files; inline styles set by script do not need `unsafe-inline`.
 */
export const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "font-src 'self'",
  "connect-src 'self' blob:",
  "worker-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types estafette dompurify",
].join("; ");

export function contentPolicy(): Plugin {
  return {
    name: "content-policy", apply: "build",
    transformIndexHtml: (html) => html.replace("<!--csp-->", `<meta http-equiv="Content-Security-Policy" content="${POLICY}" />`),
  };
}
