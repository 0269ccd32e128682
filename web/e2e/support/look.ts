// SPDX-License-Identifier: Apache-2.0
/** What every screen has to be: accessible, and no wider than it is. */
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Says what axe finds; the journey goes on and fails at its end. */
export async function clean(page: Page, screen: string): Promise<void> {
  let told = await problems(page, screen);
  // What is on its way from one look to another is looked at once it is there.
  for (let again = 0; told.length > 0 && again < 5; again += 1) told = await problems(page, screen);
  expect.soft(told, screen).toEqual([]);
}

async function problems(page: Page, screen: string): Promise<string[]> {
  await page.evaluate(() => Promise.allSettled(document.getAnimations()
    .filter((one) => one.effect?.getComputedTiming().endTime !== Number.POSITIVE_INFINITY).map((one) => one.finished)));
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  return violations.map((one) => `${screen}: ${one.id}: ${one.nodes.map((node) => `${node.target.join(" ")} ${node.failureSummary ?? ""}`).join(" | ")}`);
}

export async function noSideways(page: Page, screen: string): Promise<void> {
  // The view draws itself anew a moment after the window changes.
  await expect.configure({ soft: true }).poll(
    () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    { message: `${screen} scrolls sideways`, timeout: 10_000 },
  ).toBeLessThanOrEqual(0);
}
