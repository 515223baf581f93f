// Judgements that several specs make of any page: that it fits its window, and what axe finds. It must not know a page.
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect } from './test.ts';

const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe finds: everything, or only what depends on colours. */
export async function findings(page: Page, rules: 'all' | 'colours' = 'all'): Promise<string[]> {
  // One frame is all there is; without this a second page is opened to put the findings of frames together.
  const builder = new AxeBuilder({ page }).setLegacyMode(true);
  const { violations } = await (rules === 'all' ? builder.withTags(WCAG) : builder.withRules(['color-contrast', 'link-in-text-block'])).analyze();
  return violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`);
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
