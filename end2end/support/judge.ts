// Judgements that several specs make of any page: that it fits its window, and what axe finds. It must not know a page.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from '@playwright/test';
import type axe from 'axe-core';
import { expect } from './test.ts';

/** Half a megabyte of script, a third of what is meant to be read. */
const script = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const RULES: Record<'all' | 'colours', axe.RunOnly> = {
  all: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
  colours: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] },
};

/** What axe finds: everything, or only what depends on colours. */
export async function findings(page: Page, rules: 'all' | 'colours' = 'all'): Promise<string[]> {
  // Given to a page once, however often it is judged.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(script);
  // Only what is wrong is described: of what is right there is a hundred times as much. It begins with the number of rules that were judged.
  const [judged, ...found] = await page.evaluate(
    async (runOnly) => {
      // Style sheets and media are not fetched again: only rules about sound and video look at them, and no page has any.
      const options: axe.RunOptions = { runOnly, resultTypes: ['violations'], preload: false };
      const { violations, passes } = await (window as unknown as { axe: typeof import('axe-core') }).axe.run(options);
      const words = violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`);
      return [`${violations.length + passes.length}`, ...words];
    },
    RULES[rules],
  );
  expect(Number(judged), 'rules that axe judged').toBeGreaterThan(0);
  return found;
}

/** Nothing is wider than the window, narrow and wide. Leaves the page wide. */
export async function fitsItsWindow(page: Page): Promise<void> {
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    const widest = await page.evaluate(() => ({
      page: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      dialogs: [...document.querySelectorAll('dialog[open]')].map((dialog) => dialog.scrollWidth - dialog.clientWidth),
    }));
    expect.soft(widest.page, `pixels the page is wider than ${width}`).toBeLessThanOrEqual(0);
    for (const dialog of widest.dialogs) expect.soft(dialog, `pixels the dialog is too wide at ${width}`).toBeLessThanOrEqual(0);
  }
}
