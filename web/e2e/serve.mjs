// SPDX-License-Identifier: Apache-2.0
/**
 * Serves `dist` and hands `/_matrix` to a homeserver, so that the client can be tried on the same
 * origin as any Matrix server. Usage: node e2e/serve.mjs <homeserver> [port] [folder]
 */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, request } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const homeserver = new URL(process.argv[2] ?? "http://127.0.0.1:8008");
const port = Number(process.argv[3] ?? 0);
const dist = process.argv[4] ?? fileURLToPath(new URL("../dist", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png",
  ".wasm": "application/wasm", ".webmanifest": "application/manifest+json", ".json": "application/json",
};

const server = createServer((incoming, outgoing) => {
  const url = new URL(incoming.url ?? "/", "http://localhost");
  if (url.pathname.startsWith("/_matrix") || url.pathname.startsWith("/.well-known")) {
    const onward = request({ host: homeserver.hostname, port: homeserver.port, path: incoming.url, method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => { if (!outgoing.headersSent) outgoing.writeHead(502); outgoing.end(); });
    incoming.pipe(onward);
    return;
  }
  const path = normalize(join(dist, url.pathname === "/" ? "index.html" : url.pathname));
  if (!path.startsWith(dist) || !existsSync(path) || !statSync(path).isFile()) {
    outgoing.writeHead(404).end();
    return;
  }
  const brotli = /\bbr\b/.test(incoming.headers["accept-encoding"] ?? "") && existsSync(`${path}.br`);
  outgoing.writeHead(200, {
    "Content-Type": TYPES[extname(path)] ?? "application/octet-stream", ...(brotli ? { "Content-Encoding": "br" } : {}),
    "Cache-Control": url.pathname.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
  });
  createReadStream(brotli ? `${path}.br` : path).pipe(outgoing);
});
server.listen(port, "127.0.0.1", () => console.log(`http://localhost:${server.address().port}`));
