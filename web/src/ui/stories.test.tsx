// SPDX-License-Identifier: Apache-2.0
// @vitest-environment jsdom
/** Draws every story of every view, in both languages, and lets axe look at each. */
import axe from "axe-core";
import { act, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { language } from "../i18n/index.ts";

type Stories = Readonly<Record<string, () => ReactNode>>;
const modules = import.meta.glob<{ stories: Stories }>("./*/*.stories.tsx", { eager: true });

beforeAll(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.stubGlobal("ResizeObserver", class { observe() {} unobserve() {} disconnect() {} });
  vi.stubGlobal("matchMedia", () => ({ matches: true, addEventListener: () => undefined, removeEventListener: () => undefined }));
  URL.createObjectURL = () => "blob:story";
  URL.revokeObjectURL = () => undefined;
  HTMLDialogElement.prototype.showModal = function showModal() { this.open = true; };
  HTMLDialogElement.prototype.close = function close() { this.open = false; };
  Element.prototype.scrollTo = () => undefined;
});

let root: ReturnType<typeof createRoot> | null = null;
afterEach(async () => { await act(async () => root?.unmount()); document.body.innerHTML = ""; language.set("fr"); });

async function draw(story: () => ReactNode): Promise<HTMLElement> {
  const box = document.createElement("div");
  document.body.append(box);
  root = createRoot(box);
  await act(async () => root?.render(story()));
  return box;
}

/** Rules about a whole page, which one view alone cannot satisfy; and colours, which jsdom cannot see. */
const PAGE_RULES = ["region", "landmark-one-main", "page-has-heading-one", "color-contrast", "heading-order", "landmark-main-is-top-level", "landmark-no-duplicate-main"];

describe.each(Object.entries(modules).map(([path, module]) => [path, module.stories] as const))("%s", (_path, stories) => {
  it.each(Object.entries(stories))("%s: axe finds nothing, in French and in English", async (_name, story) => {
    for (const tongue of ["fr", "en"] as const) {
      language.set(tongue);
      const box = await draw(story);
      expect(box.innerHTML).not.toMatch(/undefined|\[object|function/);
      const { violations } = await axe.run(box, { rules: Object.fromEntries(PAGE_RULES.map((rule) => [rule, { enabled: false }])) });
      expect(violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`)).toEqual([]);
      await act(async () => root?.unmount());
      document.body.innerHTML = "";
    }
  });
});
