// SPDX-License-Identifier: Apache-2.0
/**
 * The walls of the client, checked: who may import whom, how long a file may be, that every file
 * says its licence, and that every view folder has its stories.
 * Run with `node tools/check-structure.ts`.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

export type Layer = "port" | "content" | "matrix" | "core" | "viewmodels" | "i18n" | "ui" | "app";

/** What each layer may import from; itself is always allowed. */
export const ALLOWED: Readonly<Record<Layer, readonly Layer[]>> = {
  port: [],
  content: ["port"],
  matrix: ["port", "content"],
  core: ["port", "matrix"],
  i18n: ["port"],
  viewmodels: ["port", "i18n"],
  ui: ["port", "i18n", "viewmodels"],
  app: ["port", "core", "i18n", "viewmodels", "ui"],
};
/** Packages only these layers may import. */
const PACKAGES: readonly (readonly [RegExp, readonly Layer[]])[] = [
  [/^(?:matrix-js-sdk|@matrix-org\/)/, ["matrix"]],
  [/^(?:react|react-dom|virtua)(?:\/|$)/, ["ui", "app"]],
  [/^(?:dompurify|linkifyjs|micromark)/, ["content"]],
];
/** Names of the browser a view model must not know. */
const DOM = /\b(?:document|window|navigator|localStorage|sessionStorage)\b[.[]/;
/** Two crypto stores over one database corrupt each other: nothing of the core may run beside a page. */
const SERVICE_WORKER = "app/sw.ts";
const RUNS_OTHER_CODE = /^\s*(?:import(?!\s+type\b)|export\b.*\bfrom\b)|\bimport\(|importScripts|indexedDB/;
const MAX_LINES = 400;
const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)|(?:^|\n)import\s+["']([^"']+)["']/g;

export function layerOf(path: string): Layer | null {
  const [first, second] = path.split("/");
  if (first === "core") return second === "port" || second === "content" || second === "matrix" ? second : "core";
  return first === "viewmodels" || first === "i18n" || first === "ui" || first === "app" ? first : null;
}

/** What is wrong with one file; `path` is relative to `src`. */
export function faultsOf(path: string, text: string): string[] {
  const faults: string[] = [];
  const layer = layerOf(path);
  const test = /\.(?:test|stories)\.tsx?$/.test(path);
  const lines = text.split("\n").length;
  if (lines > MAX_LINES && !test) faults.push(`${path}: ${lines} lines, more than ${MAX_LINES}`);
  if (/\.tsx?$/.test(path) && !path.endsWith(".d.ts") && !text.startsWith("// SPDX-License-Identifier: Apache-2.0")) faults.push(`${path}: no licence line`);
  if (!layer || test) return faults;
  if (layer === "viewmodels" && DOM.test(text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ""))) faults.push(`${path}: a view model uses the browser`);
  if (path === SERVICE_WORKER) {
    for (const line of text.split("\n")) if (RUNS_OTHER_CODE.test(line)) faults.push(`${path}: the service worker runs code of its own alone (${line.trim()})`);
  }
  for (const match of text.matchAll(IMPORT)) {
    const target = match[1] ?? match[2] ?? match[3] ?? "";
    if (target.startsWith(".")) {
      const to = layerOf(relative(".", join(dirname(path), target)).split(sep).join("/"));
      if (to && to !== layer && !ALLOWED[layer].includes(to)) faults.push(`${path}: ${layer} imports ${to} (${target})`);
    } else {
      for (const [pattern, layers] of PACKAGES) {
        if (pattern.test(target) && !layers.includes(layer)) faults.push(`${path}: ${layer} imports ${target}`);
      }
    }
  }
  return faults;
}

function check(): string[] {
  const source = fileURLToPath(new URL("../src", import.meta.url));
  const files = readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(source, join(entry.parentPath, entry.name)).split(sep).join("/"));
  const faults = files.flatMap((path) => faultsOf(path, readFileSync(join(source, path), "utf8")));
  for (const entry of readdirSync(join(source, "ui"), { withFileTypes: true })) {
    if (entry.isDirectory() && !existsSync(join(source, "ui", entry.name, `${entry.name}.stories.tsx`))) {
      faults.push(`ui/${entry.name}: no stories`);
    }
  }
  return faults;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const faults = check();
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
