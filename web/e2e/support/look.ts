// SPDX-License-Identifier: Apache-2.0
/** What every screen has to be: accessible, and no wider than it is. */
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Says what axe finds; the journey goes on and fails at its end. */
export async function clean(page: Page, screen: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  const told = violations.map((one) => `${screen}: ${one.id}: ${one.nodes.map((node) => `${node.target.join(" ")} ${node.failureSummary ?? ""}`).join(" | ")}`);
  expect.soft(told, screen).toEqual([]);
}

export async function noSideways(page: Page, screen: string): Promise<void> {
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect.soft(excess, `${screen} scrolls sideways`).toBeLessThanOrEqual(0);
}
